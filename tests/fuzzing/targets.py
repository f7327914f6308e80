"""What is thrown at the compiler, and what must hold then. `tests/test_fuzz.py` and `bench/fuzz.py` share it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import yaml
from fuzzing.mutations import files, mutated_files
from fuzzing.promises import check_compile, check_place, check_render, check_reports
from fuzzing.templates import VALUES, template_texts
from fuzzing.trees import ODD, changed, workflow_texts
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from osmoc import sandbox
from osmoc.diagnostics import Diagnostics
from osmoc.passes.read_profile import read_profile
from osmoc.picture.dot import dot
from osmoc.picture.mermaid import mermaid
from osmoc.picture.svg import svg
from osmoc.picture.text import text as draw_text
from osmoc.pipeline import Options, compile_workflow
from osmoc.source import Source

_GOLDEN: Final = Path(__file__).parents[2] / "golden"

_SECTIONS: Final = """\
default-values:
  x: 1
workflow:
  name: flow
  tasks:
  - name: a
    image: ubuntu
    command: ["{{ x }}"]
"""


@dataclass(frozen=True)
class Target:
    """`examples` is how many the test suite runs; `share` the part of a longer run that it gets."""

    inputs: SearchStrategy[Any]
    check: Callable[[Any], object]
    examples: int
    share: int = 1


def _check_bytes(data: bytes) -> None:
    # As UTF-8, what is none as the lone surrogates that Python makes of it, and as Latin-1.
    check_compile(data.decode(errors="surrogateescape"))
    check_compile("workflow:\n  name: x\n" + data.decode("latin-1"))


_any_text: Final = st.text(st.characters(), max_size=40)
_some_text: Final = st.lists(
    st.one_of(
        _any_text,
        st.sampled_from(("workflow:", "default-values:", "version: ", "\n", "\n  ", "{{ x }}", "{%", "- ", ": ", "#")),
        st.sampled_from(ODD).map(lambda raw: raw.text),
    ),
    max_size=12,
).map("".join)

_name: Final = st.one_of(st.sampled_from(("x", "y", "A", "PATH", "a.b/c", "osmo.x", "{{", "")), _any_text)
_value: Final = st.one_of(
    st.sampled_from(ODD).map(lambda raw: raw.text), _any_text, st.sampled_from(("nan", "1_0", "1e5"))
)
_given: Final = st.dictionaries(_name, _value, max_size=3)
_options: Final = st.builds(
    Options,
    set_=_given,
    set_string=_given,
    set_env=_given,
    labels=_given,
    pool=st.just("") | _value,
    priority=st.sampled_from(("", "HIGH", "NORMAL", "LOW")),
    workflow_id=st.sampled_from(("", "run-1")) | _value,
    ignore=st.lists(st.sampled_from(("W022", "N730", "E004", "nonsense")), max_size=2).map(tuple),
    strict=st.booleans(),
)


def _check_options(options: Options) -> None:
    check_compile(_SECTIONS, options)


def _check_template(text: str) -> None:
    check_render(text, VALUES)


def _check_sandboxed(text: str) -> None:
    check_render(text, VALUES, sandbox.render)


def _check_written_by_template(text: str) -> None:
    check_compile(f"workflow:\n  name: flow\n  tasks:\n  - name: a\n    image: ubuntu\n    command: [sh, {text}]\n")
    check_compile(f"default-values: {{x: text, y: 2, items: [1, two]}}\nworkflow:\n  name: flow\n  tasks:\n{text}")


def _check_picture(text: str) -> None:
    graph = compile_workflow(text).graph
    if graph:
        assert draw_text(graph) and mermaid(graph) and dot(graph)
        ElementTree.fromstring(svg(graph))


def _profiles() -> dict[str, SearchStrategy[tuple[str, str]]]:
    """Profiles with changes, each with a workflow that it is for."""
    found = {}
    for path in sorted(_GOLDEN.glob("*/profile.yaml")):
        values = yaml.safe_load(path.read_text())
        found[path.parent.name] = st.tuples(changed(values), st.just((path.parent / "workflow.yaml").read_text()))
    return found


def _check_profile(texts: tuple[str, str]) -> None:
    profile_text, workflow = texts
    found = Diagnostics(Source("osmoc.yaml", profile_text))
    profile = read_profile(found)
    for finding in found:
        check_place(finding, profile_text.split("\n"))
    check_reports(tuple(found))
    assert found.failed == (profile is None)
    if profile:
        check_compile(workflow, profile=profile)


def targets() -> dict[str, Target]:
    """All there are; without the corpus none that needs it."""
    found = {
        "bytes": Target(st.binary(max_size=60), _check_bytes, 150, 3),
        "text": Target(_some_text, check_compile, 200, 4),
        "trees": Target(workflow_texts(), check_compile, 250, 10),
        "options": Target(_options, _check_options, 100, 3),
        "templates": Target(template_texts, _check_template, 300, 10),
        "written": Target(template_texts, _check_written_by_template, 100, 5),
        "pictures": Target(workflow_texts(), _check_picture, 40, 2),
        "profiles": Target(st.one_of(*_profiles().values()), _check_profile, 150, 8),
        "sandbox": Target(template_texts, _check_sandboxed, 10),
    }
    if files():
        found["files"] = Target(mutated_files(), check_compile, 300, 10)
    return found
