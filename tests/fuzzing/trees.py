"""Workflows that are nearly valid: a valid one in which a few places hold something else, written as YAML text."""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy


@dataclass(frozen=True)
class Raw:
    """A piece of YAML to be written as it is."""

    text: str


class Pairs(list[Any]):
    """A mapping as a list of `[key, value]`: keys may stand twice and be anything."""


_ODD: Final = """
    ~|null|1|-1|0|0x1F|0o17|017|08|0b11|1_000|1:30|190:20:30|1:30.5|1e3|1.5|.inf|-.inf|.nan|1e400|-0.0|._|0x_|+1
    true|yes|No|off|y|2024-01-01|2024-13-45|2001-12-14t21:59:43.10-05:00|2024-01-01 25:61:61|0001-01-01|=|<<|'<<'
    !!int x|!!int ''|!!int 1:2:x|!!int 0x|!!float x|!!float ''|!!bool x|!!bool ''|!!null x|!!str 1|!!str
    !!timestamp x|!!binary aGk=|!!binary '?'|!!set {a, b}|!!omap [a: 1]|!!pairs [a: 1]|!!map x|!!seq {}|!!map []
    !!merge x|!!value x|!foo bar|! x|! [1]|!!python/object:os.system x|!<tag:yaml.org,2002:int> 7|!!int [1]
    !!str {a: b}|!!python/none|&a x|*a|&a [*a]|&a {b: *a}|&a {<<: *a}|&a {<<: [*a, *a]}|&a {*a : 1}|[&b 1, *b]
    {<<: {a: 1}}|{<<: [1, {b: 2}]}|{<<: 1}|{<<: {<<: {<<: {x: 1}}}}|{? [a] : b}|{? {a: 1} : b}|{1: 2}|{null: 1}
    {~: 1, null: 2}|{true: 1, yes: 2}|{1: a, 1.0: b}|{2024-01-01: x}|{.nan: 1, .nan : 2}|{!!binary aGk= : 1}
    {'': ''}|{"a": 1, a: 2}|[]|{}|[[[]]]|[{}]|[null]|[1, two, 3.0]|{a: {b: {c: d}}}|[[a, b], [c]]|{name: x}
    {task: a, url: b}|{dataset: d}|{dataset: {name: [x]}}|[{url: 1}]|[{task: }]|'{{output}}'|'{{input:0}}'
    '{{host:a}}'|'{{uuid}}'|'{{workflow_id}}'|'{{ output }}'|'{{input: 0}}'|'{{host:}}'
    '{{input:99999999999999999999999}}'|'{{input:007}}'|'{{input:٣}}'|'{{input:²}}'|'{{host:{{host:a}}}}'
    '{{input:a'|{{x}}|'{{ 1/0 }}'|'{{ nothing }}'|'{% if %}'|"{{ '{{' }}"|'{#'|'${#a[@]}'|'}}'|'{{'|$(A)|$$(A)
    '$(((A'|"\\0"|"\\ud800"|"\\x07\\u202e"|"\\n"|"a\\nb"|"\\u2028"|"\\U0001F600"|'  '|' x '|''|"\\r"|"\\ufeff"
    "\\x7f\\x85"|'*.png'|'('|'(?P<a>x)(?P<a>y)'|'a{1000000000000}'|'(a*)*$'|'[z-a]'|'\\1'|'(?<=a*)'|'(?i)'|'x(?i)'
    '[[a]'|'\\N{x}'|s3://|s3://b|s3:///x|s3://b/{{output}}|s3://{{x}}/a|azure://x|tos://a|swift://a/b/c|S3://b
    http://x|s3://b//c|s3://b/?x#y|/|//|..|/..|/osmo|/osmo/data/output|/osmo/data/output/x|/a/../osmo/x|/a:/b
    /a:/b:/c|:/a|/a:|a/b|/a b|/ä|/x/|./x|\\x|0-5,7|5-1|1-2-3|0|,|-|-5|1-|99999999|256|3004|0-4000|PT|P|P1D|PT1.5H
    PT1M1H|1d|-1h|1 d|90 m|1.5h|1ms|0s|10Gi|1.5G|1 Gi|0.1m|99999999999999999999Gi|1e-9|٣|²|½|cats|team/cats:v1
    cats:|:v1|a/b/c|cats:3|cats:latest|{{output}}/x|wf:a|a:b:c|wf-1:|é|a_b|a-b|Ubuntu|ubuntu:24.04|u@sha256:zz
    a/b@sha256:00|http://x/y|a//b|:tag|localhost:5000/x|x:y:z|main|osmo-ctrl|wait|init|driver|-|_
"""
ODD: Final = (
    *(Raw(text) for line in _ODD.strip().splitlines() for text in line.strip().split("|")),
    *map(Raw, ("9" * 50, "9" * 120, "0x" + "f" * 99, "1." + "0" * 120, "x" * 70, "x" * 300, "")),
)

_NAMES: Final = ("a", "b", "c", "prep", "Train", "eval_1", "eval-2", "x" * 50, "y" * 58)
_TEXTS: Final = (
    "echo hi", "{{output}}", "cp x {{output}}/{{workflow_id}}", "-c", "", "a\nb\n", "\n", "$(A)", "ünï", "a: b",
    "# no", "%", "y", "08",
)  # fmt: skip
_PATHS: Final = ("/a", "/a/b", "/b.txt", "/osmo/data/output/x", "/c/{{workflow_id}}", "/d e")
_REGEXES: Final = ("", ".*", r".*\.png", "a|b")
_DATASETS: Final = ("cats", "cats:v1", "team/cats", "dogs", "{{workflow_id}}-d")
_URLS: Final = ("s3://bucket/a", "s3://bucket", "gs://b/c", "azure://acc/cont/x", "s3://bucket/{{workflow_id}}")
_SIZES: Final = ("1Gi", "16Gi", "1.5G", "512Mi", "100", "7Ti")


def _any(*values: Any) -> SearchStrategy[Any]:
    return st.sampled_from(values)


def _few(values: SearchStrategy[Any], least: int = 0) -> SearchStrategy[list[Any]]:
    return st.lists(values, min_size=least, max_size=3)


def _some(*values: Any) -> SearchStrategy[list[Any]]:
    """Some of the values, each once at most."""
    return st.lists(st.sampled_from(values), max_size=3, unique_by=repr)


def _record(required: dict[str, Any], optional: dict[str, Any]) -> SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional)


_text: Final = _any(*_TEXTS)
_regex: Final = _any(*_REGEXES)
_size: Final = _any(*_SIZES)
_url: Final = _any(*_URLS)
_dataset_name: Final = _any(*_DATASETS)
_update: Final = _record({"name": _dataset_name}, {"paths": _few(_any("a", "a:b", "*")), "labels": _few(_any("l"))})
_dataset_output: Final = _record(
    {"name": _dataset_name},
    {"path": _any("x", "x/y", "{{workflow_id}}"), "metadata": _few(_any("m.yaml")), "regex": _regex},
)
_input: Final = st.one_of(
    _record({"url": _url}, {"regex": _regex}),
    _record({"dataset": _record({"name": _any(*_DATASETS, "dogs:3")}, {"regex": _regex})}, {}),
    _record({"task": _any("wf-1:a")}, {"regex": _regex}),
)
_output: Final = st.one_of(
    _record({"url": _url}, {"regex": _regex}),
    _record({"dataset": _dataset_output}, {}),
    _record({"update_dataset": _update}, {}),
)
_checkpoint: Final = _record(
    {"path": _any(*_PATHS), "url": _url, "frequency": _any("60s", 5, "PT1M")}, {"regex": _regex}
)
_topology: Final = st.lists(
    _record(
        {"key": _any("rack", "zone")}, {"group": _any("a", "b-c"), "requirementType": _any("required", "preferred")}
    ),
    max_size=2,
    unique_by=lambda item: str(item["key"]),
)
_resource: Final = _record(
    {},
    {
        "cpu": _any(1, "2", 8),
        "gpu": _any(0, 1, "4"),
        "memory": _size,
        "storage": _size,
        "platform": _any("dgx", "cpu-only"),
        "nodesExcluded": _few(_any("n1", "n2")),
        "topology": _topology,
    },
)
_task: Final = _record(
    {"image": _any("ubuntu:24.04", "nvcr.io/nvidia/x:1", "a/b@sha256:00"), "command": _few(_text, 1)},
    {
        "args": _few(_text),
        "environment": st.dictionaries(_any("A", "B", "PATH", "x.y"), _text, max_size=3),
        "inputs": _few(_input),
        "outputs": _few(_output),
        "files": _some({"path": "/f", "contents": "x"}, {"path": "/g/h", "contents": "aGk=", "base64": True}),
        "credentials": _record({}, {"cred": _any("/k"), "other": _any("/o", {"TOKEN": "key"})}),
        "exitActions": _record(
            {}, {"COMPLETE": _any("0", "1-10"), "fail": _any("20,21"), "RESCHEDULE": _any("137", 3004)}
        ),
        "checkpoint": _few(_checkpoint),
        "volumeMounts": _some("/m", "/o:/n", "/dev/shm"),
        "kpis": _some({"index": "i", "path": "k.json"}, {"index": "j", "path": "k"}),
        "privileged": st.booleans(),
        "hostNetwork": st.booleans(),
        "resource": _any("default", "big"),
        "cacheSize": _any("10Gi", "50%"),
        "downloadType": _any("download"),
    },
)
_body: Final = _record(
    {"name": _any("flow", "Flow_1", "x" * 64), "resources": _record({"default": _resource, "big": _resource}, {})},
    {
        "timeout": _record({}, {"exec_timeout": _any("1h", 60, "PT1H30M"), "queue_timeout": _any("1d", "90m")}),
        "pool": _any("default", "pool-1"),
        "labels": _record({}, {"team": _any("x", "y-1"), "a.b/c": _any("1z")}),
    },
)


def _pairs(value: Any) -> Any:
    if isinstance(value, dict):
        return Pairs([key, _pairs(item)] for key, item in value.items())
    return [_pairs(item) for item in value] if isinstance(value, list) else value


@st.composite
def _workflow(draw: DrawFn) -> Pairs:
    names = draw(st.permutations(_NAMES))[: draw(st.integers(1, 4))]
    tasks = [{"name": name} | draw(_task) for name in names]
    body: dict[str, Any] = draw(_body)
    if draw(st.booleans()):
        for n in range(1, len(tasks)):
            _read_from(draw, tasks[n], names[:n])
        body["tasks"] = tasks
    else:
        cut = draw(st.integers(0, len(tasks) - 1))
        for task in tasks[cut:] if cut else []:
            _read_from(draw, task, names[:cut])
        body["groups"] = [
            _group(name, part, draw(st.booleans())) for name, part in (("g1", tasks[:cut]), ("g2", tasks[cut:])) if part
        ]
    return Pairs([["workflow", _pairs(body)]])


def _read_from(draw: DrawFn, task: dict[str, Any], names: list[str]) -> None:
    upstream = draw(st.lists(st.sampled_from(names), max_size=2))
    task["inputs"] = [*({"task": name} for name in upstream), *task.get("inputs", [])]
    task["command"] = [*task["command"], *(f"{{{{input:{n}}}}}" for n in range(len(task["inputs"])))]


def _group(name: str, tasks: list[dict[str, Any]], barrier: bool) -> dict[str, Any]:
    hosts = {"args": [f"{{{{host:{task['name']}}}}}" for task in tasks]} if len(tasks) > 1 else {}
    lead = [tasks[0] | {"lead": True} | hosts, *tasks[1:]]
    return {"name": name, "tasks": lead} | ({} if barrier else {"barrier": False, "ignoreNonleadStatus": "no"})


_odd_value: Final = st.one_of(
    st.sampled_from(ODD),
    st.sampled_from(ODD),
    st.text(max_size=12),
    st.integers(),
    st.floats(),
    st.recursive(st.sampled_from(ODD) | st.text(max_size=3), lambda inner: st.lists(inner, max_size=3), max_leaves=4),
)
_KEYS: Final = (
    "name", "tasks", "groups", "inputs", "outputs", "url", "task", "dataset", "path", "lead", "image", "command",
    "environment", "resources", "default", "labels", "regex", "files", "<<", "1", "exitActions", "credentials", "gpu",
)  # fmt: skip
_odd_key: Final = st.one_of(st.sampled_from(_KEYS), st.sampled_from(ODD), st.text(max_size=5), st.integers())


def _slots(value: Any) -> list[tuple[Any, int]]:
    """Every value of a tree, as the list that holds it and where."""
    found: list[tuple[Any, int]] = []
    for n, item in enumerate(value):
        if isinstance(value, Pairs):
            found.append((item, 1))
            found += _slots(item[1]) if isinstance(item[1], list) else []
        else:
            found.append((value, n))
            found += _slots(item) if isinstance(item, list) else []
    return found


@dataclass(frozen=True)
class _Anchored:
    name: str
    value: Any


def _change(draw: DrawFn, tree: Pairs, number: int) -> None:
    slots = _slots(tree)
    holder, at = slots[draw(st.integers(0, len(slots) - 1))]
    value = holder[at]
    match draw(st.integers(0, 8)):
        case 0 | 1 | 2:
            holder[at] = draw(_odd_value)
        case 3 if isinstance(value, list) and value:
            del value[draw(st.integers(0, len(value) - 1))]
        case 4 if isinstance(value, Pairs):
            value.append([draw(_odd_key), draw(_odd_value)])
        case 5 if isinstance(value, Pairs) and value:
            value[draw(st.integers(0, len(value) - 1))][0] = draw(_odd_key)
        case 6 if isinstance(value, list) and value:
            value.append(value[draw(st.integers(0, len(value) - 1))])
        case 7:
            # An anchor and an alias of it; whether the anchor comes first is up to chance.
            other, place = slots[draw(st.integers(0, len(slots) - 1))]
            if other is not holder or place != at:
                holder[at] = _Anchored(f"n{number}", value)
                other[place] = Raw(f"*n{number}")
        case _:
            other, place = slots[draw(st.integers(0, len(slots) - 1))]
            holder[at] = Raw(_flow(other[place])[:4000])


_BARE: Final = re.compile(r"[A-Za-z/][\w./-]*")


def _scalar(value: Any) -> str:
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, str):
        if _BARE.fullmatch(value):
            return value
        return json.dumps(value, ensure_ascii=len(value) % 2 == 0)
    return json.dumps(value).replace("NaN", ".nan").replace("Infinity", ".inf")


def _flow(value: Any) -> str:
    if isinstance(value, _Anchored):
        return f"&{value.name} {_flow(value.value)}"
    if isinstance(value, Pairs):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(item)}" for key, item in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _block(value: Any, indent: str, depth: int) -> str:
    """What follows a key or a dash; from `depth` on in flow style."""
    if isinstance(value, _Anchored):
        return f" &{value.name}{_block(value.value, indent, depth)}"
    if depth <= 0 or not isinstance(value, list) or not value:
        return " " + _flow(value)
    if isinstance(value, Pairs):
        return "".join(f"\n{indent}{_flow(key)}:{_block(item, indent + '  ', depth - 1)}" for key, item in value)
    return "".join(f"\n{indent}-{_block(item, indent + '  ', depth - 1)}" for item in value)


_BEFORE: Final = (
    "", "version: 2\n", "default-values:\n  x: 1\n  y: [a, {b: 2024-01-01}]\n",
    "default-values: {x: *a}\nversion: '2'\n", "\ufeff", "# osmoc: ignore W020, N730\n",
    "default-values:\n  x: .nan\n  1: 2\n  null: {~: 1}\n", "---\n",
)  # fmt: skip


@st.composite
def workflow_texts(draw: DrawFn) -> str:
    """Nearly valid workflow files."""
    return draw(st.sampled_from(_BEFORE)) + _written(draw, draw(_workflow()))


@st.composite
def changed(draw: DrawFn, value: dict[str, Any]) -> str:
    """A mapping as YAML, in which a few places hold something else."""
    return _written(draw, _pairs(value))


def _written(draw: DrawFn, tree: Pairs) -> str:
    for number in range(draw(st.sampled_from((0, 1, 1, 1, 2, 3, 5)))):
        _change(draw, tree, number)
    return _block(tree, "", draw(st.sampled_from((2, 4, 6, 20)))).removeprefix("\n") + "\n"
