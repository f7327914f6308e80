"""What is written reads back the same in every reader our users have, and reads well in a diff."""

import json
import os
import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

import osmoc
from osmoc.emit.write import document, to_json, to_yaml

Read = Callable[[str], Any]

GO_READER = Path(__file__).parent / "goyaml"

READERS: dict[str, Read] = {
    "PyYAML (1.1)": yaml.safe_load,
    "libyaml (1.1)": lambda text: yaml.load(text, Loader=yaml.CSafeLoader),
    "ruamel.yaml (1.2)": lambda text: YAML(typ="safe", pure=True).load(text),
}

# fmt: off
WORDS = [
    "y", "Y", "yes", "Yes", "YES", "n", "N", "no", "No", "on", "On", "off", "OFF", "true", "True", "TRUE",
    "tRuE", "false", "null", "Null", "~", "nUll", "none", "nil", "nan", "inf", ".nan", ".NaN", ".inf",
    "-.inf", "+.Inf", "=", "<<", "!!str", "",
]
NUMBERS = [
    "0", "1", "-1", "+1", "08", "010", "0o17", "0x1F", "0X1f", "0b1", "-0b1", "1_000", "0x_1", "1.", ".5",
    "-.5", "1.5", "1e5", "1e-5", "1E+5", "1.0e-5", "1e", "e1", "1:30", "12:30:45", "1:30.5", "-1:30", "0:0",
    "9" * 30, "1,000", "0.0.1", "2024-01-01", "2024-1-1", "2024-01-01T00:00:00Z", "2024-01-01 00:00:00",
    "2024-01-01t00:00:00.5+02:00", "1Gi", "500m",
]
PUNCTUATION = [
    "-", "--", "---", "--- a", "...", "- a", "-a", "-1a", "--flag", "--1", "-c", "- ", "?", "? a", "?a",
    ":", ": a", "a:", "a: b", "a:b", "a :b", "a : b", ":a", "#", "# a", "a #b", "a#b", "a # b", "&a", "*a",
    "!a", "%a", "@a", "`a`", "|", "|-", ">", "[", "]", "[]", "{", "}", "{}", "{{a}}", ",", "a, b", "[a, b]",
    "{a: b}", "'", "''", "'a'", '"', '""', '"a"', 'a"b', "\\", "\\n", "a\\", "\\x41", "/", "/a", "$(a)",
    "a,b=c", "a=", "!!binary aGk=", "%YAML 1.1", "http://a:1/b?c=d&e=f#g",
]
SPACES = [
    " ", "  ", " a", "a ", "a  b", "\t", "\ta", "a\t", "a\tb", "\n", "\n\n", "\r", "\r\n", "a\rb",
    "a\r\nb\r\n", "\x0b", "\x0c", "\u00a0", "\u00a0a", "a\u00a0", "\u2003a", "\u3000", "\u1680a",
]
CHARACTERS = [
    "\0", "a\0b", "\x01", "\x1b[0m", "\x1f", "\x7f", "\x80", "\x84", "\x85", "a\x85b", "\x86", "\x9f",
    "\xad", "\u2028", "a\u2028b", "\u2029", "\ufeff", "\ufeffa", "a\ufeff", "\ufffe", "\uffff", "\ufffd",
    "\ufdd0", "\u200b", "\u202e", "\u2066", "\ue000", "\U0001f600", "a \U0001f468\u200d\U0001f4bb b",
    "\U0001ffff", "\U0010ffff", "é", "日本語", "e\u0301",
]
LINES = [
    "a\n", "a\nb", "a\nb\n", "a\n\n", "a\n\n\n", "\na", "\n\na\n", "\n \na", " a\nb", "  \n a\n", "\ta\nb",
    "\n\ta\n", "a\n b\n  c\n", "a\n\tb\n", "a\n \n", "a\n  ", "a\n\n  ", "a\n  \n\n", "a\n\t", "a \nb \n",
    "a\n\nb", "\n \n", " \n", "\t\n", "a\n---\nb\n", "---\n", "...\na\n", "# a\nb\n", "a\n# b",
    "#!/bin/sh\nset -e\n", "a: b\nc: d\n", "- a\n- b", "? a\n", "|\n", "%a\n", "'\n", "a\\\nb", "\"\n\"",
    "a\n\x85b", "a\n\u2028b", "a\n\0", "a\n\ufeffb", "\ufeffa\nb", "a\n\u00a0", "\u00a0\n",
    "{\n  \"a\": [\n    1\n  ]\n}\n", "日本\n語\n",
]
# fmt: on
LENGTHS = [
    "k" * 250,
    "k" * 251,
    "k" * 1030,
    "a" * 5000,
    "a b " * 2000 + "a",
    "# " * 800,
    "\x85" * 300,
    "\U0001f600" * 260,
    ("x" * 3000 + "\n") * 2,
]
NASTY = [*WORDS, *NUMBERS, *PUNCTUATION, *SPACES, *CHARACTERS, *LINES, *LENGTHS]

INTEGERS = [0, 1, -1, 8, 2**31, -(2**31), 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63)]
FLOATS = [0.0, -0.0, 1.0, 0.1, 1e-05, 1.5e-7, 1e16, 1e22, 1e100, 1.7976931348623157e308, 5e-324, 123456789.125]

fragments = st.lists(st.sampled_from([*NASTY, *" \t\n:#-'\"\\|>%a1"]), max_size=5).map("".join)
texts = st.one_of(
    st.sampled_from(NASTY),
    fragments,
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.text(" \t\n:-#a1", max_size=12),
)
scalars = st.one_of(
    texts,
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
manifests = st.dictionaries(texts, trees, max_size=5)

thorough = settings(
    derandomize=True,
    deadline=None,
    max_examples=300,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def everywhere(text: str) -> dict[str, Any]:
    """A manifest with the text as a key and a value, at several depths, first and last in maps and lists."""
    return {
        "value": text,
        "list": [text, [text, [text], "next"], {text: text}, {"first": text, "next": "a"}, text],
        "map": {text: {text: [text, {text: {"deep": [[text]]}}], "next": text}},
        text: "key",
        f"{text}/a": {"empty": {}, text: []},
        "last": text,
    }


def some_texts(count: int) -> list[str]:
    """Texts of the characters that matter to YAML, the same in every run."""
    chance = random.Random(20)
    alphabets = ["ab1 :#-\n", " \t\n|>'\"\\", "0123456789.:_-+eExob", "yYnNoOtTfF~=<.", "".join(CHARACTERS) + "\n a"]
    return ["".join(chance.choices(chance.choice(alphabets), k=chance.randint(1, 14))) for _ in range(count)]


def some_floats(count: int) -> list[float]:
    chance = random.Random(30)
    drawn = (struct.unpack("<d", chance.randbytes(8))[0] for _ in range(count))
    return [number for number in drawn if abs(number) < float("inf")]


@pytest.fixture(scope="session")
def go_reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        pytest.skip("no go: kubectl's reader of YAML cannot be built")
    fetched = subprocess.run([go, "mod", "download"], cwd=GO_READER, capture_output=True, text=True)
    if fetched.returncode != 0:
        pytest.skip(f"no module sigs.k8s.io/yaml: {fetched.stderr.strip()}")
    binary = tmp_path_factory.mktemp("goyaml") / "goyaml"
    subprocess.run([go, "build", "-o", binary, "."], cwd=GO_READER, check=True)
    return binary


def read_by_go(go_reader: Path, documents: Sequence[str]) -> list[dict[str, Any]]:
    ran = subprocess.run([go_reader], input=json.dumps(documents), capture_output=True, text=True, check=True)
    results: list[dict[str, Any]] = json.loads(ran.stdout)
    assert len(results) == len(documents)
    return results


def same_in_json(read: Any, written: Any) -> bool:
    """Equality where 1.0 may come back as 1, JSON having one type of number, but never as true."""
    match written:
        case float():
            return type(read) in (int, float) and float(read) == written
        case dict():
            return (
                isinstance(read, dict)
                and read.keys() == written.keys()
                and all(same_in_json(read[key], written[key]) for key in written)
            )
        case list():
            return isinstance(read, list) and len(read) == len(written) and all(map(same_in_json, read, written))
    return type(read) is type(written) and bool(read == written)


def assert_go_reads_back(go_reader: Path, manifests: Sequence[Mapping[str, Any]], write: Read) -> None:
    documents = [write(manifest) for manifest in manifests]
    for manifest, text, result in zip(manifests, documents, read_by_go(go_reader, documents), strict=True):
        assert "error" not in result, f"{result['error']}\n{text}"
        assert same_in_json(result["value"], manifest), text


@pytest.mark.parametrize("reader", READERS)
def test_nasty_strings_read_back_wherever_they_stand(reader: str) -> None:
    """No string, as key or value, at any depth, becomes something else or ends the document."""
    for text in NASTY:
        manifest = everywhere(text)
        assert repr(READERS[reader](document(manifest))) == repr(manifest), repr(text)


@pytest.mark.parametrize("reader", READERS)
def test_numbers_read_back_with_their_type(reader: str) -> None:
    """An integer stays an integer and a float a float, to the last digit."""
    manifest = {"integers": INTEGERS, "floats": FLOATS + some_floats(500)}
    assert repr(READERS[reader](document(manifest))) == repr(manifest)


@thorough
@given(manifests)
@example({"a": {}, "b": [], "c": [{}], "d": [[]], "e": [None, True, False, 1, 1.5]})
@example({"a": [[["a"], {"b": [{"c": "a\n"}]}]]})
def test_any_tree_reads_back_in_every_python_reader(manifest: dict[str, Any]) -> None:
    """Values, types and the order of keys survive YAML 1.1 and 1.2 (`repr` sees all three)."""
    written = document(manifest)
    for read in READERS.values():
        assert repr(read(written)) == repr(manifest)


@settings(thorough, max_examples=100)
@given(st.lists(manifests, max_size=4))
def test_a_stream_is_split_where_its_objects_end(objects: list[dict[str, Any]]) -> None:
    """`---` at the beginning of a line is a separator and nothing else: kubectl splits there before it parses."""
    written = to_yaml(objects)
    assert list(yaml.safe_load_all(written)) == objects
    separators = [line for line in written.split("\n") if line.startswith(("---", "..."))]
    assert separators == ["---"] * max(0, len(objects) - 1)


def test_go_reads_back_nasty_strings(go_reader: Path) -> None:
    """What kubectl gets is what was written, for every string known to be hard and 2,000 more."""
    texts = NASTY + some_texts(2000)
    assert_go_reads_back(go_reader, [everywhere(text) for text in texts], document)


def test_go_reads_back_numbers(go_reader: Path) -> None:
    """Integers of 64 bits keep every digit in Go, floats too."""
    manifest = {"integers": INTEGERS, "floats": FLOATS + some_floats(500), "others": [True, False, None, {}, []]}
    assert_go_reads_back(go_reader, [manifest], document)


def test_go_reads_json_as_yaml(go_reader: Path) -> None:
    """JSON output may be fed to whatever takes YAML: kubectl decides by the first character, others do not."""
    # A key of over 1024 characters must be a `? key` in YAML, which JSON has not: the only exception.
    texts = [text for text in NASTY if len(text) < 150] + some_texts(500)
    assert_go_reads_back(go_reader, [everywhere(text) for text in texts], lambda one: to_json([one]))


@thorough
@given(manifests)
def test_json_reads_back(manifest: dict[str, Any]) -> None:
    """One object is written as itself, in the order given."""
    assert repr(json.loads(to_json([manifest]))) == repr(manifest)


@pytest.mark.parametrize("text", CHARACTERS)
def test_json_holds_no_character_that_yaml_refuses(text: str) -> None:
    """Controls, line separators and byte order marks stand as escapes, so JSON output is YAML too."""
    manifest = {text: text}
    for read in READERS.values():
        assert read(to_json([manifest])) == manifest


def test_json_of_several_objects_is_a_list() -> None:
    """`kubectl apply` takes one JSON document: several objects, or none, are a v1 List."""
    one, two = {"kind": "Job", "n": 1}, {"kind": "Job", "n": 2}
    assert json.loads(to_json([one, two])) == {"apiVersion": "v1", "kind": "List", "items": [one, two]}
    assert json.loads(to_json([])) == {"apiVersion": "v1", "kind": "List", "items": []}


def test_json_is_indented_as_json_dumps_does() -> None:
    """Nothing peculiar about the layout: two spaces, empty collections closed at once, text as it is."""
    manifest = {"b": {}, "a": [], "c": {"é": [1, [2.5, None], {"x": True}]}, "tab\t": 'q"\\'}
    assert to_json([manifest]) == json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"


def test_layout_is_that_of_kubectl() -> None:
    """Dashes stand below their key, keys keep their order, scripts and documents are literal blocks."""
    manifest = {
        "kind": "Job",
        "apiVersion": "batch/v1",
        "metadata": {"name": "train", "labels": {"osmo/task": "train", "yes": "no"}, "annotations": {}},
        "spec": {
            "suspend": True,
            "containers": [
                {
                    "name": "user",
                    "image": "nvcr.io/team/train:1.2",
                    "command": ["sh", "-c"],
                    "args": ["set -e\n\n  run --fast\n", "--", "8", ""],
                    "env": [{"name": "DOCUMENT", "value": '{\n  "task": "train"\n}'}, {}],
                    "ports": [],
                }
            ],
            "matrix": [["a", ["b"]], [[]], [{"c": None, "d": 1e-05}]],
        },
        "indented": "  a\nb\n\n",
    }
    assert (
        document(manifest)
        == """\
kind: Job
apiVersion: batch/v1
metadata:
  name: train
  labels:
    osmo/task: train
    "yes": "no"
  annotations: {}
spec:
  suspend: true
  containers:
  - name: user
    image: nvcr.io/team/train:1.2
    command:
    - sh
    - -c
    args:
    - |
      set -e

        run --fast
    - "--"
    - "8"
    - ""
    env:
    - name: DOCUMENT
      value: |-
        {
          "task": "train"
        }
    - {}
    ports: []
  matrix:
  - - a
    - - b
  - - []
  - - c: null
      d: 1.0e-05
indented: |2+
    a
  b

"""
    )


def test_streams_of_no_and_of_empty_objects() -> None:
    """No object, no text; an empty one is still a document."""
    assert to_yaml([]) == ""
    assert to_yaml([{}, {"a": 1}]) == "{}\n---\na: 1\n"
    assert to_json([{}]) == "{}\n"


@pytest.mark.parametrize(
    "text",
    ["train", "a b", "nvcr.io/x:1", "https://a.b/c:1", "/mnt/data", "-c", "--flag=a,b", "x@sha256:0a", "v1", "E1"],
)
def test_common_strings_stand_bare(text: str) -> None:
    """Names, images, paths and flags are not drowned in quotes."""
    assert document({"a": text, "b": [text]}) == f"a: {text}\nb:\n- {text}\n"


def test_long_lines_are_not_folded() -> None:
    """One line in, one line out, so that a diff shows the value and `grep` finds it."""
    for text in ("word " * 5000 + "end", "é " * 5000):
        assert document({"a": text}).count("\n") == 1


def test_tuples_are_lists() -> None:
    """The compiler's values are frozen: a tuple that reaches the writer is a list."""
    assert document({"a": ("b", ()), "c": [("d",)]}) == document({"a": ["b", []], "c": [["d"]]})
    assert to_json([{"a": ("b", ())}]) == to_json([{"a": ["b", []]}])


@pytest.mark.parametrize("write", [to_yaml, to_json])
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (float("nan"), "number"),
        (float("inf"), "number"),
        (float("-inf"), "number"),
        (2**64, "number"),
        (-(2**63) - 1, "number"),
        ("a\ud800b", "lone surrogate U\\+D800"),
        ("\udfff", "lone surrogate"),
        ("a\n\udc80\n", "lone surrogate"),
        ("\ud83d\ude00", "lone surrogate"),
    ],
)
def test_what_no_manifest_can_hold_is_refused(write: Read, value: Any, reason: str) -> None:
    """Better no file than one that reads back as something else."""
    with pytest.raises(ValueError, match=reason):
        write([{"a": [{"b": value}]}])


@pytest.mark.parametrize("write", [to_yaml, to_json])
def test_keys_with_surrogates_are_refused(write: Read) -> None:
    """Keys are held to the same rule as values."""
    with pytest.raises(ValueError, match="lone surrogate"):
        write([{"a": {"\udc00": 1}}])


@pytest.mark.parametrize("write", [to_yaml, to_json])
@pytest.mark.parametrize("key", [1, 1.5, True, None, ("a",), b"a"])
def test_keys_are_strings(write: Read, key: Any) -> None:
    """JSON has no other keys, and to guess a spelling would merge `1` with `"1"`."""
    with pytest.raises(TypeError, match="keys of a manifest are strings"):
        write([{"a": {key: "b"}}])


@pytest.mark.parametrize("write", [to_yaml, to_json])
@pytest.mark.parametrize("value", [b"a", {"a"}, Path("a"), object(), range(2)])
def test_only_plain_values_are_written(write: Read, value: Any) -> None:
    """A set has no order and an object no spelling: both are bugs of the caller."""
    with pytest.raises(TypeError, match="not a part of a manifest"):
        write([{"a": value}])


def test_bytes_do_not_depend_on_the_hash_seed() -> None:
    """The same objects give the same bytes in every process."""
    program = (
        "import json, sys; from osmoc.emit.write import to_json, to_yaml; objects = json.load(sys.stdin);"
        "sys.stdout.buffer.write((to_yaml(objects) + to_json(objects)).encode())"
    )
    objects = [everywhere(text) for text in NASTY]
    paths = os.pathsep.join([str(Path(osmoc.__file__).parents[1]), *sys.path])
    for seed in ("0", "1", "42"):
        written = subprocess.run(
            [sys.executable, "-c", program],
            input=json.dumps(objects).encode(),
            env={**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        assert written == (to_yaml(objects) + to_json(objects)).encode()
