"""Pod templates: merged as OSMO merges, laid over our pod, rendered without surprises."""

import copy
import json
from typing import Any, Final

import pytest

from osmoc import pod_templates
from osmoc.pod_templates import Unset, combine, faults_of, keep_off, merge, mounts_of, render, variables_in
from osmoc.template_variables import Name

POD: Final[dict[str, Any]] = {
    "metadata": {"labels": {"a": "1"}},
    "spec": {
        "initContainers": [{"name": "osmo-ctrl", "image": "ctrl", "volumeMounts": [{"name": "d", "mountPath": "/d"}]}],
        "containers": [
            {
                "name": "main",
                "env": [{"name": "A", "value": "1"}],
                "volumeMounts": [
                    {"name": "shm", "mountPath": "/dev/shm"},
                    {"name": "d", "mountPath": "/d"},
                    {"name": "d", "mountPath": "/e"},
                ],
            }
        ],
        "volumes": [{"name": "shm", "emptyDir": {}}, {"name": "d", "emptyDir": {}}],
    },
}


def spec(**keys: Any) -> dict[str, Any]:
    return {"spec": keys}


@pytest.mark.parametrize(
    ("base", "overlay", "merged"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": {"b": 1}}, {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}),
        ({"a": 1}, {"a": {"b": 2}}, {"a": {"b": 2}}),
        ({"a": {"b": 1}}, {"a": None}, {"a": None}),
        ({"a": [1]}, {"a": [2]}, {"a": [1, 2]}),
        ({"a": 1}, {"a": [2]}, {"a": [2]}),
        ({"a": [{"name": "x", "v": 1}]}, {"a": [{"name": "x", "w": 2}]}, {"a": [{"name": "x", "v": 1, "w": 2}]}),
        ({"a": [{"name": "x"}]}, {"a": [{"name": "y"}]}, {"a": [{"name": "x"}, {"name": "y"}]}),
        ({"a": [{"key": "x"}]}, {"a": [{"key": "x"}]}, {"a": [{"key": "x"}, {"key": "x"}]}),
        (
            {"a": []},
            {"a": [{"name": "x", "v": 1}, {"name": "x", "v": 2}]},
            {"a": [{"name": "x", "v": 1}, {"name": "x", "v": 2}]},
        ),
    ],
)
def test_merging_follows_osmos_rules(base: Any, overlay: Any, merged: Any) -> None:
    """Mappings merge, lists of objects merge by name with what was there before, all else replaces."""
    assert combine([base, overlay]) == merged
    assert merge(base, overlay) == merged


def test_merging_changes_neither_side() -> None:
    """A pod is built for every task; what one of them adds must not reach the next."""
    template = spec(containers=[{"name": "main", "env": [{"name": "B", "value": "2"}]}], volumes=[{"name": "x"}])
    before = copy.deepcopy((POD, template))
    merge(POD, template)
    combine([template, template])
    assert (POD, template) == before


def test_mount_of_a_template_takes_the_place_of_one_at_the_same_path() -> None:
    """A path is mounted once in a container; the volume goes with it, unless something else mounts it."""
    template = spec(
        containers=[
            {
                "name": "main",
                "volumeMounts": [{"name": "big", "mountPath": "/dev/shm/"}, {"name": "big", "mountPath": "/e"}],
            }
        ],
        volumes=[{"name": "big", "emptyDir": {"medium": "Memory"}}],
    )
    merged = merge(POD, template)
    mounts = merged["spec"]["containers"][0]["volumeMounts"]
    assert [(item["name"], item["mountPath"]) for item in mounts] == [("d", "/d"), ("big", "/dev/shm/"), ("big", "/e")]
    assert [volume["name"] for volume in merged["spec"]["volumes"]] == ["d", "big"]


def test_volumes_that_nothing_mounted_stay() -> None:
    """Only what the template displaced is taken out; what it brings, it brings for a reason."""
    merged = merge(POD, spec(volumes=[{"name": "unmounted", "emptyDir": {}}]))
    assert [volume["name"] for volume in merged["spec"]["volumes"]] == ["shm", "d", "unmounted"]


def test_templates_keep_volumes_for_those_that_come_later() -> None:
    """Between templates nothing is taken out: the pod is not whole yet."""
    first = spec(
        containers=[{"name": "m", "volumeMounts": [{"name": "a", "mountPath": "/x"}]}], volumes=[{"name": "a"}]
    )
    second = spec(
        containers=[{"name": "m", "volumeMounts": [{"name": "b", "mountPath": "/x"}]}], volumes=[{"name": "b"}]
    )
    assert combine([first, second])["spec"]["volumes"] == [{"name": "a"}, {"name": "b"}]


def test_osmos_sidecar_becomes_ours() -> None:
    """`osmo-ctrl` among the containers of a template is the one among our init containers."""
    first = spec(containers=[{"name": "osmo-ctrl", "resources": {"limits": {"cpu": "1"}}}])
    second = spec(
        containers=[{"name": "osmo-ctrl", "resources": {"requests": {"cpu": "1"}}}, {"name": "{{USER_CONTAINER_NAME}}"}]
    )
    combined = combine([first, second])["spec"]
    assert combined["containers"] == [{"name": "{{USER_CONTAINER_NAME}}"}]
    assert combined["initContainers"] == [
        {"name": "osmo-ctrl", "resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}}
    ]
    assert "containers" not in combine([first])["spec"]
    ours = spec(initContainers=[{"name": "osmo-ctrl", "image": "x"}], containers=[{"name": "osmo-ctrl", "env": []}])
    assert combine([ours])["spec"] == {"initContainers": [{"name": "osmo-ctrl", "image": "x", "env": []}]}


def test_combining_nothing_is_nothing() -> None:
    """A pool without templates has no patch."""
    assert combine([]) == {}


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        ("{{USER_CPU}}", "4.0"),
        ("{{ USER_CPU|int }}", "4"),
        ("{% if USER_CPU > 2 %}2{% else %}{{USER_CPU}}{% endif %}", "2"),
        ("plain", "plain"),
        ("{# a remark #}x", "x"),
        ("$(VAR) {a: b}", "$(VAR) {a: b}"),
        ("ARRAY:[a,b]", ["a", "b"]),
        ("ARRAY:[]", [""]),
        ("{{LIST}}", ["x", "y"]),
        ({"{{USER_CPU}}": ["{{USER_CPU}}", 1, None, True]}, {"{{USER_CPU}}": ["4.0", 1, None, True]}),
        ("{{WF_ID}}-{{ WF_ID ~ '-x' }}", "mark-mark-x"),
        ("{% if USER_GPU %}gpu{% else %}cpu{% endif %}", "cpu"),
        ("{{ USER_GPU or 0 }}{{ USER_GPU|default(1) }}{{ USER_GPU is defined }}", "01False"),
    ],
)
def test_string_values_are_rendered(template: Any, rendered: Any) -> None:
    """Values, never keys; `ARRAY:[…]` is a list, and an empty one holds an empty text, as in OSMO."""
    variables = {"USER_CPU": 4.0, "LIST": "ARRAY:[x,y]", "WF_ID": Name("mark")}
    assert render(template, variables) == rendered


@pytest.mark.parametrize("name", ["USER_GPU", "USER_MEMORY_Gi", "WF_SUBMITTED_BY", "K8_CPU", "USER_CACHE"])
def test_variable_without_a_value_is_told_from_a_strange_one(name: str) -> None:
    """Whoever catches it may void a rule, or say which value to give."""
    with pytest.raises(Unset) as raised:
        render(f"a{{{{{name}}}}}", {})
    assert raised.value.name == name and str(raised.value) == f"`a{{{{{name}}}}}`: '{name}' is undefined"


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{USER_CPUS}}", "'USER_CPUS' is undefined"),
        ("{% if USER_CPUS %}a{% endif %}", "'USER_CPUS' is undefined"),
        ("{{ x", "unexpected end of template"),
        ("{% for %}", "Expected"),
        ("{{ 1/0 }}", "division by zero"),
        ("{{ [].pop() }}", "pop from empty list"),
        ("{{ 'a' + 1 }}", "can only concatenate"),
        ("{{ ''.__class__.mro() }}", "unsafe"),
        ("{{ USER_GPU > 2 }}", "'USER_GPU' is undefined"),
    ],
)
def test_fault_of_a_template_is_a_value_error(template: str, reason: str) -> None:
    """With the template and the reason; never anything else, whatever Python would raise."""
    with pytest.raises(ValueError, match=r"^`") as raised:
        render({"spec": [template]}, {})
    assert reason in str(raised.value)


@pytest.mark.parametrize(
    "template",
    [
        "{{ WF_ID|upper }}",
        "{{ WF_ID[:8] }}",
        "{{ WF_ID == 'a' }}",
        "{% if WF_ID %}x{% endif %}",
        "{% set x = WF_ID %}{{ x }}",
        "{{ (WF_ID ~ 'x')|length }}",
        "{{ [WF_ID]|join }}",
        "{{ 'a' if WF_ID else 'b' }}",
    ],
)
def test_names_of_tasks_are_inserted_and_nothing_else(template: str) -> None:
    """They are put in when a pod is built, so that tasks share a template; computing with them would go wrong."""
    with pytest.raises(ValueError, match="`WF_ID` can only be inserted as it is"):
        render(template, {"WF_ID": Name("mark")})


def test_variables_of_a_template_are_those_it_is_given() -> None:
    """Not those that it sets itself."""
    assert variables_in("{{a}}{% set b = c %}{{b}}{% for d in e %}{{d}}{% endfor %}") == {"a", "c", "e"}
    assert variables_in("{{ broken") == frozenset()


def test_excluding_nodes_reaches_every_term() -> None:
    """None where there is no term: then one of its own does it."""
    way: Any = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}, {"matchFields": []},
    ]}}}  # fmt: skip
    kept = keep_off(spec(affinity=way, other=1), ["n1"])
    terms = kept["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"
    ]
    rule = {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["n1"]}
    assert [term["matchExpressions"][-1] for term in terms] == [rule, rule]
    assert kept["spec"]["other"] == 1 and "matchFields" in terms[1]
    assert keep_off(kept, ["n1"]) == kept
    for template in ({}, spec(affinity={}), spec(affinity={"nodeAffinity": None}), spec(affinity="x")):
        assert keep_off(template, ["n1"]) is None


def test_mounts_are_those_of_the_container_with_the_nodes_directory() -> None:
    """Whether a mount of the user's is one of them is decided by path and directory."""
    template = spec(
        containers=[
            {"name": "main", "volumeMounts": [{"name": "h", "mountPath": "/h/"}, {"name": "p", "mountPath": "/p"}]},
            {"name": "other", "volumeMounts": [{"name": "h", "mountPath": "/o"}]},
        ],
        volumes=[{"name": "h", "hostPath": {"path": "/host"}}, {"name": "p", "persistentVolumeClaim": {}}],
    )
    assert mounts_of(template, "main") == {"/h": "/host", "/p": ""}
    assert mounts_of({}, "main") == {}


@pytest.mark.parametrize(
    "template",
    [
        {},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {}}, "spec": {}},
        spec(containers=[{"name": "a", "env": [], "volumeMounts": []}], tolerations=[{}], volumes=[]),
    ],
)
def test_good_templates_have_no_faults(template: Any) -> None:
    """Head and tail of a manifest may stay where they were copied from."""
    assert list(faults_of(template)) == []


def test_json_of_a_template_is_what_it_holds() -> None:
    """Compact, and text as it is: the same template gives the same bytes."""
    template = {"b": [1, None, "ä"], "a": {}}
    assert pod_templates.as_json(template) == '{"b":[1,null,"ä"],"a":{}}'
    assert json.loads(pod_templates.as_json(template)) == template
