"""The floor: PyYAML's C dumper writes the pods of a DAG, each as a template of its own, and nothing else is done.

Usage: floor.py DAG.json
"""

import sys
from pathlib import Path

import yaml
from dag import Shape, Task, load


def main(source: str) -> None:
    dag = load(source)
    templates = [_template(task, dag.shapes[task.shape]) for task in dag.tasks]
    tasks = [
        {"name": task.name, "template": task.name, "dependencies": task.upstream}
        if task.upstream
        else {"name": task.name, "template": task.name}
        for task in dag.tasks
    ]
    workflow = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": "floor-"},
        "spec": {"entrypoint": "main", "templates": [{"name": "main", "dag": {"tasks": tasks}}, *templates]},
    }
    yaml.dump(workflow, sys.stdout, Dumper=yaml.CSafeDumper, sort_keys=False)


def _template(task: Task, shape: Shape) -> dict[str, object]:
    amounts = {"cpu": str(shape.cpu), "memory": shape.memory} | (
        {"nvidia.com/gpu": str(shape.gpu)} if shape.gpu else {}
    )
    mounts = [{"name": name, "mountPath": f"/osmo/{name}"} for name in ("bin", "data", "login", "run")]
    helpers = [
        {
            "name": name,
            "image": f"{name}:1",
            "command": [name],
            "env": [{"name": "TASK", "value": task.name}],
            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}},
            "securityContext": {"runAsNonRoot": True, "allowPrivilegeEscalation": False},
            "volumeMounts": mounts,
        }
        for name in ("osmo-init", "osmo-ctrl")
    ]
    return {
        "name": task.name,
        "initContainers": helpers,
        "container": {
            "image": shape.image,
            "command": task.command,
            "args": task.args,
            "env": [{"name": name, "value": value} for name, value in task.environment.items()],
            "resources": {"requests": amounts, "limits": amounts},
            "volumeMounts": mounts,
        },
        "volumes": [{"name": name, "emptyDir": {}} for name in ("bin", "data", "login", "run")],
    }


if __name__ == "__main__":
    assert Path(sys.argv[1]).exists(), __doc__
    main(sys.argv[1])
