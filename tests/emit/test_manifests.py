"""A form that is filled in is what would have been built and written for each name."""

import json
from typing import Any, Final

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from osmoc import compile_workflow
from osmoc.diagnostics import Diagnostics
from osmoc.emit.manifests import BLANKS, Filled, Form, Manifests
from osmoc.emit.write import json_lines, to_json, to_yaml
from osmoc.passes.read_profile import read_profile
from osmoc.pipeline import Options
from osmoc.source import Source

# What YAML takes for something else than text, if it stands alone; and what names of tasks and digests look like.
_NAMES: Final = st.sampled_from(["a", "y", "no", "null", "e-1", "0123456789abcdef", "blank-0", "blank-1", "é", "x: y"])
_TEXTS: Final = st.one_of(
    st.text(alphabet=f"ab:{BLANKS[:2]}", max_size=6), st.sampled_from(["blank-0", '"blank-0"', "\n", "😀", "\\ud800"])
)
_TREES: Final = st.recursive(
    _TEXTS | st.integers(0, 9) | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from("abc"), _TREES, min_size=1, max_size=3), st.lists(st.tuples(_NAMES, _NAMES)))
def test_filled_form_is_written_as_the_manifest_that_it_is(tree: dict[str, Any], names: list[tuple[str, str]]) -> None:
    form = Form(tree)
    objects = Manifests([{"kind": "First"}, *(Filled(form, pair) for pair in names)])
    plain = list(objects)
    assert to_yaml(objects) == to_yaml(plain)
    assert list(json_lines(objects)) == [json.dumps(one) for one in plain]
    assert to_json(objects) == to_json(plain)
    assert not any(blank in repr(plain) for blank in BLANKS)


def test_manifests_are_a_sequence_that_builds_what_is_looked_at() -> None:
    form = Form({"name": BLANKS[0]})
    objects = Manifests([{"name": "a"}, Filled(form, ("b",)), Filled(form, ("c",))])
    assert objects[1] == {"name": "b"} and objects[-1] == {"name": "c"} and len(objects) == 3
    assert objects[1:] == [{"name": "b"}, {"name": "c"}]
    objects[1]["name"] = "changed"
    assert objects[1] == {"name": "b"}


_TASKS: Final = """
workflow:
  name: alike
  resources: {default: {platform: x}}
  tasks:
  {% for name in ["y", "train", "no-1", "main"] %}
  - {name: "{{ name }}", image: i, command: [c], files: [{path: /f, contents: "{{ name }}"}]}
  {% endfor %}
  - {name: last, image: i, command: [c], inputs: [{task: y}, {task: train}]}
"""


@pytest.mark.parametrize("container", ["", "train", "{{USER_CONTAINER_NAME}}"])
def test_jobs_of_one_shape_are_their_own_each(container: str) -> None:
    """Also where a pod template adds a container of a name that one of the tasks has."""
    template = f"pod_templates: {{t: {{spec: {{containers: [{{name: '{container}', tty: true}}]}}}}}}\n"
    platform = "{override_pod_template: [t]}" if container else "{}"
    text = f"target: jobs\ndefault_pool: p\npools: {{p: {{default_platform: x, platforms: {{x: {platform}}}}}}}\n"
    profile = read_profile(Diagnostics(Source("osmoc.yaml", text + (template if container else ""))))
    result = compile_workflow(_TASKS, profile, options=Options(workflow_id="w"))
    jobs = {one["metadata"]["name"]: one for one in result.manifests if one["kind"] == "Job"}
    for name in ("y", "train", "no-1", "main", "last"):
        spec = jobs[f"w-{name}"]["spec"]["template"]["spec"]
        expected = {name, container} - {""} if container == "train" else {name}
        assert {one["name"] for one in spec["containers"]} == expected
        own = next(one for one in spec["containers"] if one["name"] == name)
        assert own.get("tty", False) is (container in (name, "{{USER_CONTAINER_NAME}}"))
        assert ("annotations" in jobs[f"w-{name}"]["metadata"]) is (name == "last")
    assert list(yaml.safe_load_all(to_yaml(result.manifests))) == list(result.manifests)


def test_five_thousand_tasks_fit_as_jobs() -> None:
    """The plan of their driver is one ConfigMap."""
    lines = "".join(
        f"  - {{name: simulation-{n}, image: i, command: [c, '{{{{input:0}}}}', '{{{{input:1}}}}'],\n"
        f"     inputs: [{{task: simulation-{max(0, n - 1)}}}, {{task: simulation-{max(0, n - 2)}}}]}}\n"
        for n in range(2, 5000)
    )
    first = "".join(f"  - {{name: simulation-{n}, image: i, command: [c]}}\n" for n in range(2))
    result = compile_workflow(f"workflow:\n  name: many\n  tasks:\n{first}{lines}", options=Options(target="jobs"))
    assert not result.failed and len(result.manifests) > 5000
