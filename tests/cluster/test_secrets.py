"""Values of credentials on a real cluster: they are in their Secret and in the task, and nowhere else."""

import base64
import json
from pathlib import Path

import pytest
from cluster.command import PROFILE, Desk
from cluster.kubernetes import BUSYBOX, Namespace

pytestmark = pytest.mark.cluster

VALUES = {
    "quotes": "Zq'quo'te\"s`tick`s",
    "lines": "Zq-first-line\nZq-second-line",
    "braces": "{{workflow.zq}}{%zq%}",
    "letters": "Zq-ünïcödé-日本-🔑",
    "shell": "Zq$HOME$(id)%41\\n",
}
VARIABLES = {name.upper(): name for name in VALUES}


def task(name: str, script: str) -> str:
    words = ["sh", "-c", script]
    return json.dumps(
        {"name": name, "image": BUSYBOX, "command": words, "credentials": {"wandb": VARIABLES, "folder": "/keys"}}
    )


FLOW = f"""\
workflow:
  name: keys
  tasks:
  - {task("quiet", 'test -n "$QUOTES" && test -s /keys/lines && exit 7')}
  - {task("loud", "env; cat /keys/*; echo all is said")}
"""


@pytest.fixture(params=["jobs", "argo"])
def desk(request: pytest.FixtureRequest, namespace: Namespace, tmp_path: Path) -> Desk:
    if request.param == "argo":
        request.getfixturevalue("argo_controller")
    made = Desk(tmp_path, namespace)
    profile = PROFILE.replace("target: jobs", f"target: {request.param}")
    made.write(
        profile.replace("{wandb: {secret: wandb}}", "{wandb: {secret: wandb}, folder: {secret: folder}}"), "osmoc.yaml"
    )
    made.write(FLOW)
    return made


def assert_nowhere(*texts: str) -> None:
    for value in VALUES.values():
        lines = [*value.splitlines(), base64.b64encode(value.encode()).decode()]
        forms = [*lines, *(json.dumps(line)[1:-1] for line in lines)]
        for text in texts:
            assert not any(form in text for form in forms), text[-5_000:]


def test_values_are_in_no_object_and_in_no_message(desk: Desk) -> None:
    for name in ("wandb", "folder"):
        files = []
        for key, value in VALUES.items():
            (desk.folder / key).write_text(value)
            files += ["--from-file", f"{key}={key}"]
        done = desk.osmoc("credential", "set", name, *files)
        assert done.status == 0, done.err
        assert_nowhere(done.out, done.err)
    ended = desk.osmoc("apply", "flow.yaml", "--wait")
    assert ended.status == 1 and "exit code 7" in ended.err, f"{ended.err}\n{desk.namespace.describe()}"
    assert desk.statuses(ended.id) == {"quiet": "FAILED", "loud": "COMPLETED"}
    is_argo = "target: argo" in (desk.folder / "osmoc.yaml").read_text()
    kinds = "all,configmap,event,lease" + (",workflow.argoproj.io,workflowtaskresult" if is_argo else "")
    objects = desk.namespace.kubectl("get", kinds, "-o", "yaml")
    assert ended.id in objects
    told = [desk.osmoc("status", ended.id, "--output", form) for form in ("wide", "json", "yaml")]
    told += [desk.osmoc("logs", ended.id, "quiet"), desk.osmoc("logs", ended.id, "--ctrl", "loud")]
    assert_nowhere(objects, ended.out, ended.err, *(text for done in told for text in (done.out, done.err)))

    desk.namespace.kubectl("delete", "pod", "-l", f"osmo.workflow_id={ended.id},osmo.task_name", "--wait")
    kept = desk.osmoc("logs", ended.id)
    assert "all is said" in kept.out and kept.out.count("[MASKED]") >= 2 * len(VALUES), kept.out + kept.err
    assert_nowhere(kept.out, kept.err)
