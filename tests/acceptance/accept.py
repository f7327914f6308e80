"""Would a cluster take these objects, and what they hold in disguise? All that can be said without one."""

from collections.abc import Sequence

from acceptance.argo_lint import argo_lint_errors
from acceptance.argo_pod import build_argo_pods
from acceptance.manifest import Manifest, of_kind, prefixed, title
from acceptance.names import name_errors
from acceptance.pod_rules import pod_rule_errors
from acceptance.pods import job_pods
from acceptance.references import External, reference_errors
from acceptance.schemas import inline_schema_errors, schema_errors


def accept(objects: list[Manifest], external: External, allowed_tags: Sequence[str]) -> list[str]:
    """All findings; none means that the objects, their inline templates and their pods hold.

    Schemas come first and alone: the other checks read fields without asking whether they have the right type.
    """
    workflows = list(of_kind(objects, "Workflow"))
    found = schema_errors(objects) + name_errors(objects)
    for workflow in workflows:
        found += inline_schema_errors(workflow)
    if found:
        return found
    pods = job_pods(objects)
    for workflow in workflows:
        found += prefixed(title(workflow), argo_lint_errors(workflow, allowed_tags))
        built = build_argo_pods(workflow)
        found += prefixed(title(workflow), built.errors)
        pods += built.pods
    found += reference_errors(objects, external, pods)
    manifests = [pod for _, pod in pods]
    found += schema_errors(manifests) + name_errors(manifests)
    for owner, pod in pods:
        found += prefixed(f"pod of {owner}", pod_rule_errors(pod))
    return list(dict.fromkeys(found))
