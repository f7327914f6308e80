"""Same input, same bytes: whatever the hash seed, locale, time zone, folder, umask and version of Python."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import pytest
import yaml
from compiled import ROOT, corpus_files

GOLDEN: Final = ROOT / "golden"
TARGETS: Final = ("argo", "jobs")
VERSIONS: Final = ("3.11", "3.12", "3.13", "3.14", "3.15")

# The command line, once for each list of arguments. A process for each, and one for each template, would take minutes.
SCRIPT: Final = """
import hashlib, io, json, sys
from osmoc import sandbox, templating
from osmoc.cli.main import main

sandbox.render = templating.render

for arguments in json.load(sys.stdin):
    out = io.StringIO()
    status = main(arguments, stdout=out, stderr=io.StringIO())
    print(status, hashlib.sha256(out.getvalue().encode()).hexdigest())
"""

WORLDS: Final[dict[str, Mapping[str, str]]] = {
    "another hash seed, far in the east": {"PYTHONHASHSEED": "1", "TZ": "Pacific/Kiritimati"},
    "a Turkish locale": {
        "PYTHONHASHSEED": "4242",
        "LC_ALL": "tr_TR.UTF-8",
        "LANG": "tr_TR.UTF-8",
        "PYTHONOPTIMIZE": "2",
    },
    "no locale": {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "TZ": "America/Caracas"},
}


@dataclass(frozen=True, slots=True)
class Compile:
    """A command line that compiles one file."""

    file: Path
    options: tuple[str, ...]

    def arguments(self, file: str = "") -> list[str]:
        return ["compile", file or str(self.file), *self.options]


def _golden(case: str, target: str) -> Compile:
    """What `test_golden` compiles, as a user would type it."""
    folder = GOLDEN / case
    path = folder / "options.yaml"
    given = {"id": case} | (yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {})
    options = ["--target", target]
    for name, value in given.items():
        if name != "targets":
            values = [f"{key}={text}" for key, text in value.items()] if isinstance(value, dict) else [value]
            options += [word for text in values for word in (f"--{name}", text)]
    if (folder / "profile.yaml").is_file():
        options += ["--profile", str(folder / "profile.yaml")]
    return Compile(folder / "workflow.yaml", tuple(options))


CASES: Final = sorted(folder.name for folder in GOLDEN.iterdir() if folder.is_dir())
EVERY: Final = [
    *(_golden(case, target) for case in CASES for target in TARGETS),
    *(Compile(path, ("--target", target)) for path in corpus_files() for target in TARGETS),
]
# Profile, options, template, local files, unicode.
FEW: Final = (
    ("profile", "jobs"),
    ("template-loop", "argo"),
    ("local-files", "jobs"),
    ("unicode", "argo"),
    ("hello-world", "argo"),
)


def _environment(**more: str) -> dict[str, str]:
    """As little as there can be: nothing of the machine that runs the tests."""
    plain = {
        "PATH": os.environ["PATH"],
        "PYTHONHASHSEED": "0",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "HOME": "/nonexistent",
    }
    return plain | {"PYTHONDONTWRITEBYTECODE": "1"} | more


def _digests(
    commands: Sequence[Compile], world: Mapping[str, str], python: str = sys.executable
) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [python, "-c", SCRIPT],
        cwd=ROOT,
        env=_environment(**world),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    process.stdin.write(json.dumps([command.arguments() for command in commands]))
    process.stdin.close()
    return process


def _lines(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout
    lines = process.stdout.read().splitlines()
    assert process.wait() == 0
    process.stdout.close()
    return lines


def test_every_world_gives_the_same_bytes() -> None:
    processes = {name: _digests(EVERY, world) for name, world in {"here": {}, **WORLDS}.items()}
    results = {name: _lines(process) for name, process in processes.items()}
    expected = results["here"]
    assert len(expected) == len(EVERY) and len(set(expected)) > len(CASES)
    for world, lines in results.items():
        differing = [command for command, here, there in zip(EVERY, expected, lines, strict=True) if here != there]
        assert not differing, world


@pytest.mark.parametrize(("case", "target"), FEW)
def test_the_command_prints_the_golden_file(case: str, target: str) -> None:
    """As bytes, and where the standard streams are not UTF-8."""
    done = subprocess.run(
        [sys.executable, "-m", "osmoc", *_golden(case, target).arguments()],
        cwd=ROOT,
        env=_environment(PYTHONHASHSEED="7", PYTHONIOENCODING="latin-1", LC_ALL="C", PYTHONUTF8="0"),
        capture_output=True,
        check=True,
    )
    assert done.stdout == (GOLDEN / case / f"{target}.yaml").read_bytes()


@pytest.mark.parametrize("case", ["local-files", "template-loop"])
def test_the_folder_makes_no_difference(case: str, tmp_path: Path) -> None:
    """Neither the one the command is called in, nor the one the workflow lies in."""
    shutil.copytree(GOLDEN / case, tmp_path / "elsewhere with spaces" / case)
    command = _golden(case, "argo")
    places = {
        GOLDEN / case: "workflow.yaml",
        GOLDEN: f"{case}/workflow.yaml",
        tmp_path: f"./elsewhere with spaces/../elsewhere with spaces/{case}/workflow.yaml",
    }
    for folder, file in places.items():
        done = subprocess.run(
            [sys.executable, "-m", "osmoc", *command.arguments(file)],
            cwd=folder,
            env=_environment(),
            capture_output=True,
            check=True,
        )
        assert done.stdout == (GOLDEN / case / "argo.yaml").read_bytes()


def test_the_umask_is_about_access_and_not_about_contents(tmp_path: Path) -> None:
    command = _golden("hello-world", "jobs")
    contents, modes = [], []
    for umask in (0o077, 0o022):
        folder = tmp_path / f"{umask:o}"
        subprocess.run(
            [sys.executable, "-m", "osmoc", *command.arguments(), "-o", str(folder)],
            cwd=ROOT,
            env=_environment(),
            umask=umask,
            capture_output=True,
            check=True,
        )
        files = sorted(folder.iterdir())
        contents.append({path.name: path.read_bytes() for path in files})
        modes.append({path.stat().st_mode & 0o777 for path in files})
    assert contents[0] == contents[1] and len(contents[0]) > 5
    assert modes == [{0o600}, {0o644}]


def _pythons() -> Iterator[tuple[str, str]]:
    """Version and path of each other Python on this machine that osmoc supports."""
    found = [path for version in VERSIONS if (path := shutil.which(f"python{version}"))]
    found += map(str, sorted((Path.home() / ".pyenv" / "versions").glob("*/bin/python3")))
    seen = {f"{sys.version_info[0]}.{sys.version_info[1]}"}
    for path in found:
        asked = [path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        version = subprocess.run(asked, capture_output=True, text=True).stdout.strip()
        if version in VERSIONS and version not in seen:
            seen.add(version)
            yield version, path


PYTHONS: Final = dict(_pythons())


def _with_dependencies(python: str, folder: Path) -> str:
    """The Python of a virtual environment with what osmoc needs to run; it is kept until that changes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needs: list[str] = project["project"]["dependencies"]
    home = folder / sha256(json.dumps([python, needs]).encode()).hexdigest()[:12]
    own = home / "bin" / "python"
    if not (home / "complete").exists():
        subprocess.run([python, "-m", "venv", "--clear", str(home)], check=True)
        subprocess.run([str(own), "-m", "pip", "install", "--quiet", *needs], check=True)
        (home / "complete").touch()
    return str(own)


@pytest.mark.parametrize("version", PYTHONS)
def test_every_python_gives_the_same_bytes(version: str, request: pytest.FixtureRequest) -> None:
    if not os.environ.get("OSMOC_TEST_PYTHONS"):
        pytest.skip("OSMOC_TEST_PYTHONS=1 makes a virtual environment for each Python of this machine, by pip")
    cache = request.config.cache
    assert cache is not None
    python = _with_dependencies(PYTHONS[version], Path(cache.mkdir("osmoc-pythons")))
    assert _lines(_digests(EVERY, {}, python)) == _lines(_digests(EVERY, {}))
