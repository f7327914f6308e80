from pathlib import Path
from typing import Any

import pytest
from acceptance.dry_run import admission_needs, dry_run, existing, kubectl_env
from acceptance.manifest import Manifest
from acceptance.pods import all_pods
from acceptance.samples import argo_objects, changed, job_objects

PRINTS = r"""#!/bin/sh
cat > "$0.input"
echo "$@" > "$0.arguments"
cat "$0.answer" >&2
exit 1
"""


@pytest.fixture
def fake_kubectl(tmp_path: Path) -> Path:
    """A kubectl that notes what it was given and answers with the content of kubectl.answer."""
    program = tmp_path / "kubectl"
    program.write_text(PRINTS)
    program.chmod(0o755)
    return program


def test_dry_run_asks_once_for_all_and_splits_the_answer(fake_kubectl: Path) -> None:
    answer = fake_kubectl.with_name("kubectl.answer")
    answer.write_text(
        'Error from server (BadRequest): error when creating "STDIN": unknown field "a"\n'
        'Error from server (AlreadyExists): error when creating "STDIN": services "a" already exists\n'
        'The Job "b" is invalid: \n* spec.c: Invalid value\n* spec.d: Required value\n'
    )

    found = dry_run(job_objects(), {"PATH": f"{fake_kubectl.parent}:/bin:/usr/bin"})

    assert [one.splitlines()[0] for one in found] == [
        'Error from server (BadRequest): error when creating "STDIN": unknown field "a"',
        'The Job "b" is invalid: ',
    ]
    arguments = fake_kubectl.with_name("kubectl.arguments").read_text()
    assert arguments == "create --dry-run=server --validate=strict -f -\n"
    assert fake_kubectl.with_name("kubectl.input").read_text().count("\n---\n") == len(job_objects()) - 1


def test_dry_run_reports_a_failure_without_words(fake_kubectl: Path) -> None:
    fake_kubectl.with_name("kubectl.answer").write_text("")

    found = dry_run([], {"PATH": f"{fake_kubectl.parent}:/bin:/usr/bin"})

    assert found == ["kubectl ended with 1: "]


def test_existing_reports_what_cannot_be_created(fake_kubectl: Path) -> None:
    fake_kubectl.with_name("kubectl.answer").write_text("Forbidden")

    with (
        pytest.raises(RuntimeError, match="Forbidden"),
        existing([{}], {"PATH": f"{fake_kubectl.parent}:/bin:/usr/bin"}),
    ):
        pass


def test_kubectl_env_skips_without_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)

    with pytest.raises(pytest.skip.Exception, match="KUBECONFIG"):
        kubectl_env()


def test_admission_needs_accounts_and_priorities() -> None:
    pods = [
        ("a", {"spec": {"serviceAccountName": "osmo-task", "priorityClassName": "low"}}),
        ("b", {"spec": {"priorityClassName": "system-node-critical"}}),
    ]

    assert [(one["kind"], one["metadata"]["name"]) for one in admission_needs(pods)] == [
        ("ServiceAccount", "default"),
        ("ServiceAccount", "osmo-task"),
        ("PriorityClass", "low"),
    ]


@pytest.mark.cluster
@pytest.mark.parametrize("objects", [argo_objects(), job_objects()], ids=["argo", "jobs"])
def test_a_real_server_takes_the_samples_and_their_pods(objects: list[Manifest]) -> None:
    env, pods = kubectl_env(), all_pods(objects)

    with existing(admission_needs(pods), env):
        assert dry_run([*objects, *(pod for _, pod in pods)], env) == []


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("kind", "path", "value", "finding"),
    [
        ("ConfigMap", "dta", {}, 'unknown field "dta"'),
        ("Service", "metadata.name", "a.b", "Invalid value"),
        ("Job", "spec.completions", "1", "cannot unmarshal"),
        ("Job", "metadata.name", "a" * 62, "not able to create pod with invalid DNS label"),
        ("Job", "spec.template.spec.containers.0.volumeMounts.0.name", "x", "Not found"),
    ],
)
def test_a_real_server_refuses_what_the_checks_refuse(kind: str, path: str, value: Any, finding: str) -> None:
    found = dry_run(changed(job_objects(), kind, path, value), kubectl_env())

    assert len(found) == 1
    assert finding in found[0]
