# mypy: ignore-missing-imports
"""A DAG as a KFP pipeline, compiled to KFP's own form (its server makes the Workflow): `kfp_dag.py DAG.json OUT.yaml`.

A component a shape; command, arguments and the file, for which KFP has no mount, are parameters of a task.
"""

import sys
from collections.abc import Callable
from typing import Any

from dag import Dag, Shape, Task, load
from kfp import compiler, dsl


def main(source: str, out: str) -> None:
    dag = load(source)
    compiler.Compiler().compile(_pipeline(dag), package_path=out)


def _component(shape: Shape) -> Callable[..., Any]:
    @dsl.container_component  # type: ignore[untyped-decorator]
    def run(script: str, file: str) -> dsl.ContainerSpec:
        return dsl.ContainerSpec(image=shape.image, command=["sh", "-c", script], args=[shape.file_path, file])

    component: Callable[..., Any] = run
    return component


def _pipeline(dag: Dag) -> Any:
    components = [_component(shape) for shape in dag.shapes]

    @dsl.pipeline(name=dag.name)  # type: ignore[untyped-decorator]
    def pipeline() -> None:
        started: dict[str, Any] = {}
        for task in dag.tasks:
            started[task.name] = _start(task, dag.shapes[task.shape], components[task.shape], started)

    return pipeline


def _start(task: Task, shape: Shape, component: Callable[..., Any], started: dict[str, Any]) -> Any:
    run = component(script=" ".join([*task.command, *task.args]), file=task.file)
    run.set_display_name(task.name)
    run.set_cpu_request(str(shape.cpu)).set_cpu_limit(str(shape.cpu))
    run.set_memory_request(shape.memory).set_memory_limit(shape.memory)
    if shape.gpu:
        run.set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(shape.gpu)
    for name, value in task.environment.items():
        run.set_env_variable(name, value)
    return run.after(*[started[name] for name in task.upstream])


if __name__ == "__main__":
    main(*sys.argv[1:])
