"""The compiler, top to bottom. A step changes the type (phase), keeps it (pass) or only reports (check).

text -> sections -> rendered text -> tree -> Workflow (spec) -> Graph -> Plan -> manifests
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from osmoc.diagnostics import Diagnostics
from osmoc.graph import Graph
from osmoc.passes.bind_values import bind_values
from osmoc.passes.check_containers import check_containers
from osmoc.passes.check_cycles import check_cycles
from osmoc.passes.check_data import check_data
from osmoc.passes.check_exit_actions import check_exit_actions
from osmoc.passes.check_groups import check_groups
from osmoc.passes.check_labels import check_labels
from osmoc.passes.check_names import check_names
from osmoc.passes.check_references import check_references
from osmoc.passes.check_resources import check_resources
from osmoc.passes.check_tokens import check_tokens
from osmoc.passes.check_writers import check_writers
from osmoc.passes.lower_datasets import lower_datasets
from osmoc.passes.lower_groups import lower_groups
from osmoc.passes.read_files import FileReader, read_files
from osmoc.passes.read_spec import read_spec
from osmoc.passes.render_template import Renderer, render_template
from osmoc.passes.split_sections import WORKFLOW, split_sections
from osmoc.source import Source
from osmoc.yamltree import parse


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the caller gives beside the file: template values, environment, labels."""

    set_: Mapping[str, str] = field(default_factory=dict)
    set_string: Mapping[str, str] = field(default_factory=dict)
    set_env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


def analyse(
    source: Source, given: Given, found: Diagnostics, read_file: FileReader | None, render: Renderer
) -> Graph | None:
    sections = split_sections(found)
    values = bind_values(sections, given.set_, given.set_string, found)
    if WORKFLOW not in sections or found.failed:
        return None
    text = render_template(sections[WORKFLOW], values, found, render)
    tree = parse(text, found) if text is not None else None
    if tree is None:
        return None
    workflow = read_spec(tree, found)
    if workflow is None:
        return None
    files = read_files(workflow, tree, found, read_file)
    check_names(workflow, tree, found)
    check_groups(workflow, tree, found)
    check_references(workflow, tree, found)
    check_tokens(workflow, files, tree, found)
    check_data(workflow, files, tree, found)
    check_exit_actions(workflow, tree, found)
    check_resources(workflow, tree, found)
    check_containers(workflow, given.set_env, tree, found)
    check_labels(workflow, given.labels, tree, found)
    if found.failed:
        return None
    graph = lower_groups(workflow, files, given.set_env)
    graph = lower_datasets(graph, "", tree, found)
    check_cycles(graph, tree, found)
    if not found.failed:
        check_writers(graph, "", tree, found)
    return graph
