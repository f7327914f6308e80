"""What the floor writes, as JSON: `pods.py DAG.json WORKFLOW.yaml USER.json PODS.json`. Not timed.

USER.json has the user's container of each task as a template of its own: what `hera_dag.py` writes. PODS.json has each
task's whole pod as a template of its own: those of osmoc's Workflow, with the names of the task put in.
"""

import json
import sys
from pathlib import Path
from typing import Any

from dag import Dag, Shape, Task, load

from osmoc import compile_workflow

_PARAMETER = "{{{{inputs.parameters.{}}}}}"


def main(source: str, workflow: str, user: str, pods: str) -> None:
    dag = load(source)
    Path(user).write_text(
        json.dumps(_workflow(dag, [_user_template(task, dag.shapes[task.shape]) for task in dag.tasks]))
    )
    Path(pods).write_text(json.dumps(_workflow(dag, _pod_templates(Path(workflow).read_text()))))


def _workflow(dag: Dag, templates: list[dict[str, Any]]) -> dict[str, Any]:
    tasks = [{"name": task.name, "template": task.name} | _depends(task) for task in dag.tasks]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": dag.name},
        "spec": {"entrypoint": "main", "templates": [*templates, {"name": "main", "dag": {"tasks": tasks}}]},
    }


def _depends(task: Task) -> dict[str, str]:
    text = " && ".join(f"{name}.Succeeded" for name in task.upstream)
    return {"depends": text} if text else {}


def _user_template(task: Task, shape: Shape) -> dict[str, Any]:
    gpu = {"nvidia.com/gpu": str(shape.gpu)} if shape.gpu else {}
    container = {
        "image": shape.image,
        "args": task.args,
        "command": task.command,
        "env": [{"name": name, "value": value} for name, value in task.environment.items()],
        "resources": {kind: {"cpu": str(shape.cpu), "memory": shape.memory} | gpu for kind in ("limits", "requests")},
    }
    file = {"name": "file", "path": shape.file_path, "raw": {"data": task.file}}
    return {"name": task.name, "container": container, "inputs": {"artifacts": [file]}}


def _pod_templates(workflow: str) -> list[dict[str, Any]]:
    [manifest] = [item for item in compile_workflow(workflow).manifests if item["kind"] == "Workflow"]
    spec = manifest["spec"]
    shapes = {template["name"]: template for template in spec["templates"]}
    outer = shapes["workflow"]["dag"]["tasks"]
    tasks = outer[0]["inline"]["dag"]["tasks"] if "inline" in outer[0] else outer
    return [_filled(task, shapes[task["template"]], spec.get("templateDefaults", {})) for task in tasks]


def _filled(task: dict[str, Any], shape: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """The template of a shape and what all have in common, for one task."""
    whole = defaults | shape | {"volumes": [*defaults.get("volumes", []), *shape.get("volumes", [])]}
    text = json.dumps({key: value for key, value in whole.items() if key != "inputs"})
    for parameter in task["arguments"]["parameters"]:
        text = text.replace(_PARAMETER.format(parameter["name"]), parameter["value"])
    filled: dict[str, Any] = json.loads(text) | {"name": task["name"]}
    return filled


if __name__ == "__main__":
    main(*sys.argv[1:])
