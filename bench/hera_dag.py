# mypy: ignore-missing-imports
"""A DAG as a Hera script: `hera_dag.py DAG.json OUT.yaml HOW`.

HOW is `object` (a `Container` a task, called in the DAG: what Hera's walk-through teaches), `name` (the same, but
tasks name their template by string) or `shared` (a `Container` a shape; what differs is passed as arguments).
"""

import sys
from pathlib import Path
from typing import Any

from dag import Dag, Shape, Task, load
from hera.workflows import DAG, Artifact, Container, Env, Parameter, RawArtifact, Resources, Workflow
from hera.workflows import Task as DagTask


def main(source: str, out: str, how: str) -> None:
    dag = load(source)
    build = {"object": _own_templates, "name": _named_templates, "shared": _shared_templates}[how]
    with Workflow(name=dag.name, entrypoint="main") as workflow:
        build(dag)
    Path(out).write_text(workflow.to_yaml())


def _container(task: Task, shape: Shape) -> Any:
    return Container(
        name=task.name,
        image=shape.image,
        command=task.command,
        args=task.args,
        env=[Env(name=name, value=value) for name, value in task.environment.items()],
        inputs=[RawArtifact(name="file", path=shape.file_path, data=task.file)],
        resources=_resources(shape),
    )


def _resources(shape: Shape) -> Any:
    return Resources(
        cpu_request=shape.cpu,
        cpu_limit=shape.cpu,
        memory_request=shape.memory,
        memory_limit=shape.memory,
        gpus=shape.gpu or None,
    )


def _own_templates(dag: Dag) -> None:
    containers = {task.name: _container(task, dag.shapes[task.shape]) for task in dag.tasks}
    with DAG(name="main"):
        for task in dag.tasks:
            containers[task.name](name=task.name, depends=_depends(task))


def _named_templates(dag: Dag) -> None:
    for task in dag.tasks:
        _container(task, dag.shapes[task.shape])
    with DAG(name="main"):
        for task in dag.tasks:
            DagTask(name=task.name, template=task.name, depends=_depends(task))


def _shared_templates(dag: Dag) -> None:
    """Command and arguments in one string for a shell, as a parameter cannot hold a list."""
    variables = list(dag.tasks[0].environment)
    for shape in dag.shapes:
        Container(
            name=shape.name,
            image=shape.image,
            command=["sh", "-c"],
            args=["{{inputs.parameters.script}}"],
            env=[Env(name=name, value=f"{{{{inputs.parameters.{name}}}}}") for name in variables],
            inputs=[Parameter(name="script"), *map(_parameter, variables), Artifact(name="file", path=shape.file_path)],
            resources=_resources(shape),
        )
    with DAG(name="main"):
        for task in dag.tasks:
            arguments = [
                Parameter(name="script", value=" ".join([*task.command, *task.args])),
                *[Parameter(name=name, value=value) for name, value in task.environment.items()],
                RawArtifact(name="file", data=task.file),
            ]
            template = dag.shapes[task.shape].name
            DagTask(name=task.name, template=template, arguments=arguments, depends=_depends(task))


def _parameter(name: str) -> Any:
    return Parameter(name=name)


def _depends(task: Task) -> str | None:
    return " && ".join(f"{name}.Succeeded" for name in task.upstream) or None


if __name__ == "__main__":
    main(*sys.argv[1:])
