"""The documentation is true: its commands print what it says, its examples compile, its names and links exist.

How blocks of README.md, docs/ and examples/ are read:

- ```console: a line that starts with `$ ` is run by bash, the lines below it are what it prints, errors included.
  `...` stands for any number of lines, the word ID for the hex digits of a workflow id; `[exit status 1]` at the end
  says that it fails. Commands of one document follow each other in one folder, which has the repository's examples.
- ```yaml is YAML. After the comment `<!-- file: NAME -->` it is a file for the commands below it; a workflow that no
  command names is compiled for both targets, a profile is read.
- ```python is run. ```json is JSON. ```sh are commands that need more than this repository: their syntax is checked,
  and that the make targets and the commands of osmoc in them exist. ```text is for drawings.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from typing import Any, Final

import click
import pytest
import yaml
from compiled import ROOT, verdicts
from documents import (
    Block,
    anchors,
    blocks,
    commands,
    inline_code,
    is_printed,
    links,
    markdown_files,
    prose,
    section,
    table,
)
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from osmoc import compile_workflow, spec
from osmoc.cli.commands import osmoc
from osmoc.codes import TABLE, Severity
from osmoc.diagnostics import Diagnostics
from osmoc.document import TaskDocument
from osmoc.exit_codes import SYSTEM_RANGES
from osmoc.passes.read_profile import read_profile
from osmoc.pipeline import Options, Result
from osmoc.source import Source

MARKDOWN: Final = markdown_files(ROOT)
DOCUMENTS: Final = [path for path in MARKDOWN if path.parts[0] in ("README.md", "docs", "examples")]
KINDS: Final = ("console", "yaml", "python", "json", "sh", "text")
TARGETS: Final = ("argo", "jobs")
LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Keys of a workflow file by the heading of language.md below which they are listed.
KEYS: Final[dict[str, type[BaseModel]]] = {
    "The workflow": spec.Workflow,
    "Groups": spec.Group,
    "Tasks": spec.Task,
    "Files": spec.File,
    "Checkpoints": spec.Checkpoint,
    "KPIs": spec.Kpi,
    "Resources": spec.Resource,
    "Topology": spec.Topology,
    "Timeouts": spec.Timeout,
}
document = pytest.mark.parametrize("path", DOCUMENTS, ids=str)
markdown = pytest.mark.parametrize("path", MARKDOWN, ids=str)


def read(path: Path | str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@document
def test_every_block_does_what_it_says(path: Path, tmp_path: Path) -> None:
    copytree(ROOT / "examples", tmp_path / "examples")
    reader = Reader(path, tmp_path, tmp_path)
    for block in blocks(read(path)):
        reader.take(block)


@document
def test_blocks_are_of_a_known_kind(path: Path) -> None:
    text = read(path)
    assert [(block.line, block.kind) for block in blocks(text) if block.kind not in KINDS] == []
    assert "```" not in prose(text), "a block that is not closed"


@dataclass(slots=True)
class Reader:
    """Takes the blocks of one document, from the first to the last. `folder` is where its commands are by now."""

    path: Path
    root: Path
    folder: Path

    def take(self, block: Block) -> None:
        if block.file:
            (self.folder / block.file).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / block.file).write_text(block.text, encoding="utf-8")
        match block.kind:
            case "console":
                self.run(block)
            case "yaml":
                self.check_yaml(block)
            case "python":
                status, lines = self.shell(f"python3 - <<'END'\n{block.text}END")
                assert status == 0, self.shown(block, lines)
            case "json":
                json.loads(block.text)
            case "sh":
                status, lines = self.shell(f"bash -n <<'END'\n{block.text}END")
                assert status == 0, self.shown(block, lines)

    def run(self, block: Block) -> None:
        assert block.text.startswith("$ "), self.shown(block, ["a console block starts with a command"])
        for command in commands(block):
            status, lines = self.shell(command.text)
            assert (status, is_printed(command.expected, lines)) == (command.status, True), self.shown(
                block, [f"$ {command.text}", *lines, f"[exit status {status}]"]
            )

    def shell(self, command: str) -> tuple[int, list[str]]:
        keep = self.root / ".folder"
        script = f"{command}\nstatus=$?; pwd > {shlex.quote(str(keep))}; exit $status"
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("OSMOC", "PYTEST"))}
        tools = f"{Path(sys.executable).parent}{os.pathsep}{inherited.get('PATH', '')}"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=inherited | {"PATH": tools, "HOME": str(self.root), "NO_COLOR": "1", "PYTHONUTF8": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
        )
        if keep.is_file():
            self.folder = Path(keep.read_text(encoding="utf-8").strip())
        return done.returncode, [line.rstrip() for line in done.stdout.decode().splitlines()]

    def check_yaml(self, block: Block) -> None:
        is_workflow = re.search(r"^workflow:", block.text, re.MULTILINE)
        if not block.file or not is_workflow:
            yaml.safe_load(block.text)
        if block.file and not is_named(block.file, read(self.path)):
            if is_workflow:
                for target in TARGETS:
                    result = self.compile(block, target)
                    assert not result.failed, self.shown(block, [found.message for found in result.findings])
            elif Path(block.file).stem in ("osmoc", "profile"):
                found = Diagnostics(Source(block.file, block.text))
                read_profile(found)
                assert not found.failed, self.shown(block, [one.message for one in found])

    def compile(self, block: Block, target: Any) -> Result:
        options = Options(target=target)
        return compile_workflow(block.text, options=options, read_file=lambda name: (self.folder / name).read_bytes())

    def shown(self, block: Block, lines: Sequence[str]) -> str:
        more = [f"… and {len(lines) - 60} more lines"] if len(lines) > 60 else []
        return "\n".join([f"{self.path}:{block.line}:", *lines[:60], *more])


def is_named(file: str, text: str) -> bool:
    """Whether a command of osmoc in a console block names the file."""
    used = (command.text for block in blocks(text) if block.kind == "console" for command in commands(block))
    return any("osmoc" in command and file in command for command in used)


@document
def test_commands_of_osmoc_exist(path: Path) -> None:
    """In text, in scripts and in the files of CI systems."""
    for line in _lines_with_commands(read(path)):
        for words in _osmoc_calls(line):
            _check_call(words)


def _lines_with_commands(text: str) -> Iterator[str]:
    yield from inline_code(text)
    for block in blocks(text):
        if block.kind == "sh":
            yield from re.sub(r"\\\n", " ", block.text).splitlines()
        elif block.kind == "yaml":
            yield from re.findall(r"run: (.*)", block.text)


def _osmoc_calls(line: str) -> Iterator[list[str]]:
    for call in re.finditer(r"(?:^|[|;&(] *)osmoc ((?:[^|;&#]|\|(?=[a-z-]+))*)", line):
        yield call[1].split()


def _check_call(words: list[str]) -> None:
    context = click.Context(osmoc)
    command: click.Command = osmoc
    for word in words:
        if word == "--":  # the rest is another program's
            return
        if isinstance(command, click.Group) and not word.startswith("-"):
            names = word.split("|")
            found = [command.get_command(context, name) for name in names]
            assert all(found), f"`osmoc {' '.join(words)}`: there is no command `{word}`"
            assert found[0] is not None
            command = found[0]
        elif word.startswith("-") and word != "-":
            options = {
                name for option in command.get_params(context) for name in (*option.opts, *option.secondary_opts)
            }
            name = word.partition("=")[0].rstrip(",.…")
            assert name in options, f"`osmoc {' '.join(words)}`: there is no option `{name}`"


@document
def test_make_targets_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    text = read(path)
    scripts = [block.text for block in blocks(text) if block.kind == "sh"] + inline_code(text)
    named = {name for script in scripts for name in re.findall(r"^make ([a-z-]+)", script, re.MULTILINE)}
    assert named <= targets


@markdown
def test_links_lead_somewhere(path: Path) -> None:
    text = read(path)
    broken = []
    for link in links(text):
        if re.match("[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (ROOT / path).parent / name if name else ROOT / path
        is_there = target.exists()
        if is_there and anchor:
            is_there = anchor in anchors(target.read_text(encoding="utf-8"))
        if not is_there:
            broken.append(link)
    assert broken == []


@document
def test_files_of_the_repository_exist(path: Path) -> None:
    named = [
        code for code in inline_code(read(path)) if re.fullmatch(r"(?:osmoc|tests|golden|schemas|bench)/[\w./-]*", code)
    ]
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_developing_maps_every_module() -> None:
    listed = {
        name.rstrip("/")
        for row in table(section(read("docs/developing.md"), "The map"))
        for name in re.findall("`([^`]+)`", row[0])
    }
    modules = {f"osmoc/{path.name}" for path in (ROOT / "osmoc").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert {name for name in modules if "__" not in name} <= listed


@markdown
def test_tables_have_as_many_cells_in_every_row(path: Path) -> None:
    rows = re.findall(r"^\|.*\|$(?:\n\|.*\|$)*", prose(read(path)), re.MULTILINE)
    sizes = [{len(re.split(r"(?<!\\)\|", line)) for line in rows_.split("\n")} for rows_ in rows]
    assert [rows_ for rows_, size in zip(rows, sizes, strict=True) if len(size) != 1] == []


@markdown
def test_codes_exist(path: Path) -> None:
    assert set(re.findall(r"\b[EWN][0-9]{3}\b", read(path))) <= TABLE.keys()


@pytest.mark.parametrize("title", KEYS)
def test_language_lists_every_key_of_a_workflow(title: str) -> None:
    """And says which of them are required."""
    rows = table(section(read("docs/language.md"), title))
    listed = {row[0].strip("`"): row[2] == "required" for row in rows}
    fields = {field.alias or name: field.is_required() for name, field in KEYS[title].model_fields.items()}
    assert listed == fields


def test_language_names_every_difference_from_osmo() -> None:
    """Every small file that OSMO judges otherwise than we do gets a finding that is in the list."""
    named = set(re.findall("[EWN][0-9]{3}", section(read("docs/language.md"), "Where we differ from OSMO, and why")))
    cases = [verdict for verdict in verdicts() if "why" in verdict]
    if not cases:
        pytest.skip("the verdicts are not beside this checkout")
    missing = {}
    for case in cases:
        result = compile_workflow(case["spec"], options=Options(set_=case.get("set") or {}))
        found = {one.code.id for one in result.findings if one.severity is not Severity.NOTE}
        if found and not found & named:
            missing[case["id"]] = found
    assert missing == {}


def test_pod_lists_every_key_of_a_task_document() -> None:
    # The keys in the columns of the last table, for the first one has none of them.
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \|", section(read("docs/pod.md"), "The task document"), re.MULTILINE)
    assert {key.strip("` ") for row in rows for key in row.split(",")} == set(TaskDocument.model_fields)


def test_task_documents_of_the_examples_fit_their_schema() -> None:
    """pod.md shows such a document; the schema is the contract with the runtime."""
    validator = Draft202012Validator(json.loads(read("schemas/task.schema.json")))
    shown = [block.text for path in DOCUMENTS for block in blocks(read(path)) if block.file.endswith(".yaml")]
    texts = [text for text in shown if re.search(r"^workflow:", text, re.MULTILINE)]
    documents = [
        json.loads(value)
        for text in texts
        for manifest in compile_workflow(text).manifests
        if manifest["kind"] == "ConfigMap"
        for key, value in manifest.get("data", {}).items()
        if key.endswith(".json") and key != "plan.json"
    ]
    assert len(documents) >= 5
    for one in documents:
        validator.validate(one)


def test_pod_names_every_path_and_variable() -> None:
    text = read("docs/pod.md")
    paths, variables = set(), set()
    for golden in (ROOT / "golden").glob("*/jobs.yaml"):
        for manifest in yaml.load_all(golden.read_text(encoding="utf-8"), Loader=LOADER):
            if manifest["kind"] == "Job" and "osmo.task_name" in manifest["metadata"]["labels"]:
                pod = manifest["spec"]["template"]["spec"]
                for container in (*pod["initContainers"], *pod["containers"]):
                    paths |= {mount["mountPath"] for mount in container["volumeMounts"]}
                    variables |= {item["name"] for item in container.get("env", ())}
    ours = {re.sub("/secrets/.*", "/secrets/", path) for path in paths if path.startswith("/osmo/")}
    ours -= {path for path in ours if path.startswith("/osmo/data/")}  # those of `files:`
    assert {name for name in ours | {v for v in variables if v.startswith("OSMO_")} if name not in text} == set()


def test_exit_codes_names_every_code_of_the_system() -> None:
    named = set(re.findall("[0-9]+", read("docs/exit-codes.md")))
    assert {code for pair in SYSTEM_RANGES for code in pair if str(code) not in named} == set()
