"""The compiler, top to bottom. A step changes the type (phase), keeps it (pass) or only reports (check).

text -> sections -> rendered text -> tree -> Workflow (spec) -> Graph -> Plan -> manifests
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final, Literal

from osmoc import __version__, codes, document
from osmoc.decisions import Cluster, Decisions, Local
from osmoc.diagnostics import Diagnostic, Diagnostics
from osmoc.emit.argo import emit_argo
from osmoc.emit.gitops import Controller, for_gitops
from osmoc.emit.jobs import emit_jobs
from osmoc.emit.manifests import Manifest, Manifests
from osmoc.emit.node_ids import find_clash
from osmoc.emit.objects import TooLarge
from osmoc.emit.write import json_lines
from osmoc.graph import Graph
from osmoc.names import fit, kubernetes_name
from osmoc.passes.bind_values import bind_values
from osmoc.passes.check_containers import check_containers
from osmoc.passes.check_cycles import check_cycles
from osmoc.passes.check_data import check_data
from osmoc.passes.check_environment import check_environment
from osmoc.passes.check_exit_actions import check_exit_actions
from osmoc.passes.check_exposure import check_exposure
from osmoc.passes.check_groups import check_groups
from osmoc.passes.check_labels import check_labels
from osmoc.passes.check_local import check_local
from osmoc.passes.check_names import check_names
from osmoc.passes.check_order import check_order
from osmoc.passes.check_paths import check_paths
from osmoc.passes.check_references import check_references
from osmoc.passes.check_resources import check_resources
from osmoc.passes.check_target import check_target
from osmoc.passes.check_tokens import check_tokens
from osmoc.passes.check_writers import check_writers
from osmoc.passes.choose_pool import choose_pool
from osmoc.passes.digest_tasks import digest_tasks
from osmoc.passes.lower_datasets import lower_datasets
from osmoc.passes.lower_groups import lower_groups
from osmoc.passes.make_plan import make_plan
from osmoc.passes.pin_datasets import DatasetPinner, pin_datasets
from osmoc.passes.place_tasks import place_tasks
from osmoc.passes.read_files import FileReader, read_files
from osmoc.passes.read_spec import read_spec
from osmoc.passes.render_template import Renderer, render_template
from osmoc.passes.resolve_secrets import resolve_secrets
from osmoc.passes.split_sections import split_sections
from osmoc.passes.write_documents import write_documents
from osmoc.plan import Plan, Target
from osmoc.profile import Profile
from osmoc.rendered import Rendered
from osmoc.sections import WORKFLOW
from osmoc.source import Place, Source
from osmoc.spec import Workflow
from osmoc.written import Check, Written
from osmoc.yamltree import Path, Tree, parse

_LONGEST_ID: Final = 40
_ID: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is given beside the file. Empty means: as the file or the profile has it."""

    set_: Mapping[str, str] = field(default_factory=dict)
    set_string: Mapping[str, str] = field(default_factory=dict)
    set_env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    target: Target | None = None
    local: Local | None = None
    pool: str = ""
    priority: Literal["", "HIGH", "NORMAL", "LOW"] = ""
    workflow_id: str = ""
    gitops: Controller | None = None
    ignore: tuple[str, ...] = ()
    strict: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run gives: findings in the order of the file, and each form the workflow reached.

    `manifests` is empty if there is an error among the findings; so is what comes after the step that found it.
    `locate` tells where a part of the spec stands in the user's file.
    """

    findings: tuple[Diagnostic, ...]
    failed: bool
    rendered: str = ""
    spec: Workflow | None = None
    graph: Graph | None = None
    plan: Plan | None = None
    manifests: Sequence[Manifest] = ()
    locate: Callable[[Path], Place | None] = field(default=lambda path: None, compare=False, repr=False)


def _render(text: str, values: Mapping[str, Any]) -> Rendered:
    from osmoc import templating  # and with it Jinja, which most files do not need

    return templating.render(text, values)


def compile_workflow(
    source: Source | str,
    profile: Profile | None = None,
    *,
    options: Options | None = None,
    read_file: FileReader | None = None,
    pin: DatasetPinner | None = None,
    render: Renderer = _render,
) -> Result:
    """Manifests and findings for one workflow file.

    Args:
        source: the text, with the name it has in findings.
        profile: what the cluster offers; without one, names of the cluster are taken on trust.
        options: template values, target, pool and the like.
        read_file: gives the bytes of a `localpath`, or raises OSError; without it such files are errors.
        pin: gives the version that the `localpath` of a dataset input has become, or raises OSError; without it such
            inputs are errors.
        render: renders the template. The default is not safe against templates of strangers that eat time or
            memory; `osmoc.sandbox.render` is.
    """
    source = source if isinstance(source, Source) else Source("workflow.yaml", source)
    options = options or Options()
    found = Diagnostics(source, ignore=options.ignore, strict=options.strict)
    written = _read(options, found, read_file, pin, render)
    graph = _lower(written, profile, found) if written else None
    plan = _plan(graph, profile, options, written.tree, found) if written and graph else None
    manifests = _manifests(plan, found) if plan and not found.failed else Manifests()
    if plan and options.gitops:
        manifests = for_gitops(manifests, options.gitops)
        _check_retention(plan, found)
    return Result(
        findings=tuple(found),
        failed=found.failed,
        rendered=found.source.rendered or source.text,
        spec=written.workflow if written else None,
        graph=graph,
        plan=plan,
        manifests=() if found.failed else manifests,
        locate=lambda path: found.source.place(written.tree.span(path)) if written else None,
    )


# Every rule about the spec that needs nothing but the spec; the order does not matter.
CHECKS: Final[tuple[Check, ...]] = (
    check_names,
    check_groups,
    check_references,
    check_tokens,
    check_data,
    check_exit_actions,
    check_resources,
    check_containers,
    check_environment,
    check_exposure,
    check_paths,
    check_labels,
)


def _read(
    options: Options,
    found: Diagnostics,
    read_file: FileReader | None,
    pin: DatasetPinner | None,
    render: Renderer,
) -> Written | None:
    """Text to spec. Also the rest of a spec with errors, so that the checks find what else there is."""
    sections = split_sections(found)
    values = bind_values(sections, options.set_, options.set_string, found)
    if WORKFLOW not in sections or found.failed:
        return None
    text = render_template(sections[WORKFLOW], values, found, render)
    tree = parse(text, found) if text is not None else None
    workflow = read_spec(tree, found) if tree else None
    if tree is None or workflow is None:
        return None
    files = read_files(workflow, tree, found, read_file)
    pins = pin_datasets(workflow, tree, found, pin)
    return Written(workflow=workflow, tree=tree, files=files, pins=pins, set_env=options.set_env, labels=options.labels)


def _lower(written: Written, profile: Profile | None, found: Diagnostics) -> Graph | None:
    """Spec to graph; None if there is an error by then."""
    for check in CHECKS:
        check(written, found)
    if found.failed:
        return None
    bucket = profile.datasets.default_bucket if profile else ""
    graph = lower_groups(written)
    graph = lower_datasets(graph, bucket, written.tree, found)
    check_cycles(graph, written.tree, found)
    if found.failed:
        return None
    check_order(graph, written.tree, found)
    check_writers(graph, bucket, written.tree, found)
    return graph


def _plan(graph: Graph, profile: Profile | None, options: Options, tree: Tree, found: Diagnostics) -> Plan | None:
    """Graph to plan; None if the profile does not allow it."""
    cluster = choose_pool(graph, profile, options.target, options.pool, options.priority, tree, found, options.labels)
    if options.local:
        cluster = replace(cluster, local=options.local)
        check_local(graph, options.local, tree, found)
    decisions = Decisions(
        graph=graph,
        cluster=cluster,
        places=place_tasks(graph, cluster, tree, found),
        resolved=resolve_secrets(graph, cluster, tree, found),
        labels=options.labels,
        digests=digest_tasks(graph),
    )
    if found.failed:
        return None
    draft = None if options.workflow_id else _draft(decisions, tree, found)
    workflow_id = _identify(draft, cluster, found) if draft else options.workflow_id
    if found.failed or not _is_legal(workflow_id, found):
        return None
    documented = write_documents(decisions, workflow_id, draft)
    plan = make_plan(decisions, documented, workflow_id, __version__, tree, found)
    check_target(graph, plan, tree, found)
    if draft is None:
        _check_clash(plan, found)
    for need in plan.requirements:
        message = f"the cluster must have {need.kind} `{need.name}`: {need.reason}"
        found.report(codes.OUTSIDE, tree.span(need.where) if need.where else None, message)
    return plan


def _is_legal(workflow_id: str, found: Diagnostics) -> bool:
    if len(workflow_id) <= _LONGEST_ID and _ID.fullmatch(workflow_id):
        return True
    help = f"a lower-case letter, then letters, digits and `-`, at most {_LONGEST_ID}"
    found.add(codes.BAD_ID, None, f"`{workflow_id[:80]}` cannot be the id of a workflow", help=help)
    return False


def _check_clash(plan: Plan, found: Diagnostics) -> None:
    clash = find_clash(plan, plan.workflow_id) if plan.target == "argo" else None
    if clash:
        message = f"with the id `{plan.workflow_id}` Argo would take `{clash[0]}` and `{clash[1]}` for one node"
        found.add(codes.TARGET_NAMES, None, message, help="give another --id")


def _draft(decisions: Decisions, tree: Tree, found: Diagnostics) -> Plan:
    """The plan with zeros for the digest in its id, and without the version of our images."""
    draft_id = f"{fit(kubernetes_name(decisions.graph.name), _LONGEST_ID - 9)}-00000000"
    return make_plan(decisions, write_documents(decisions, draft_id), draft_id, "", tree, found)


def _identify(draft: Plan, cluster: Cluster, found: Diagnostics) -> str:
    """The name and a digest of all that is applied: the same input is the same run, a changed one another.

    Taken over the objects themselves, so that an upgrade that changes no object runs nothing again.
    """
    stem = draft.workflow_id.removesuffix("-00000000")
    profile = "{}" if cluster.is_open else cluster.profile.model_dump_json(exclude_defaults=True)
    digest = sha256(f"{document.VERSION} {profile}".encode())
    for line in json_lines(_manifests(draft, found)):
        digest.update(line.encode())
    while draft.target == "argo" and find_clash(draft, f"{stem}-{digest.hexdigest()[:8]}"):
        digest.update(b"another id, please")
    return f"{stem}-{digest.hexdigest()[:8]}"


def _check_retention(plan: Plan, found: Diagnostics) -> None:
    if plan.profile.retention:
        message = "with the `retention` of the profile a GitOps controller would run again whatever has expired"
        found.add(codes.UNSUPPORTED, None, message, help="take `retention` out of the profile")


def _manifests(plan: Plan, found: Diagnostics) -> Manifests:
    if plan.target == "local":
        return Manifests()
    try:
        return emit_argo(plan) if plan.target == "argo" else emit_jobs(plan)
    except TooLarge as error:
        found.add(codes.TARGET_SIZE, None, str(error), help=error.help)
        return Manifests()
