"""What stands on each line of a manifest."""

import pytest

from osmoc.emit.write import json_stream, yaml_stream
from osmoc.trace.emitted import Entry, read_objects

OBJECTS = [
    {
        "kind": "ConfigMap",
        "metadata": {"name": "a"},
        "data": {"t.json": '{\n  "args": [\n    "x"\n  ]\n}\n', "t.file-0": "one\ntwo\n", "plan.json": '{"a": 1}\n'},
    },
    {"kind": "Job", "metadata": {"name": "b"}, "list": [{"x": "1", "podSpecPatch": "hostname: h\n"}, ["z"]]},
]
STREAM = "".join(yaml_stream(OBJECTS))


def at(line: int) -> tuple[str, Entry]:
    found = [(emitted.name, entry) for emitted in read_objects(STREAM) if (entry := emitted.at(line))]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("kind: ConfigMap", ("kind",)),
        ("name: a", ("metadata", "name")),
        ("t.json: |", ("data", "t.json")),
        ('"args": [', ("data", "t.json", "args")),
        ('"x"', ("data", "t.json", "args", 0)),
        ("two", ("data", "t.file-0")),
        ('{"a": 1}', ("data", "plan.json")),
        ("name: b", ("metadata", "name")),
        ("- x: 1", ("list", 0, "x")),
        ("hostname: h", ("list", 0, "podSpecPatch", "hostname")),
        ("- - z", ("list", 1, 0)),
    ],
)
def test_each_line_has_the_path_of_what_stands_on_it(text: str, path: tuple[str | int, ...]) -> None:
    lines = [line.strip().replace('"1"', "1") for line in STREAM.split("\n")]
    assert at(1 + lines.index(text))[1].path == path


def test_lines_of_a_text_are_one_entry() -> None:
    first = 1 + [line.strip() for line in STREAM.split("\n")].index("t.file-0: |")
    assert at(first + 2)[1] == Entry(("data", "t.file-0"), first, first + 2, is_text=True)


def test_documents_within_are_part_of_the_values() -> None:
    config_map = next(read_objects(STREAM)).plain
    assert config_map["data"]["t.json"] == {"args": ["x"]}
    assert config_map["data"]["plan.json"] == '{"a": 1}\n'


def test_json_holds_the_same_objects() -> None:
    found = list(read_objects("".join(json_stream(OBJECTS))))
    assert [(one.kind, one.name) for one in found] == [("ConfigMap", "a"), ("Job", "b")]


@pytest.mark.parametrize("text", ["", "- a\n", "a: [\n", "just text\n", "---\n---\n"])
def test_what_is_no_object_is_passed_over(text: str) -> None:
    assert list(read_objects(text)) == []
