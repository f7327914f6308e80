"""Each bad example earns the finding of its code on the marked line, and no other; each good one none at all."""

import re
from collections.abc import Callable
from importlib import resources
from io import BytesIO, TextIOWrapper
from typing import Final

import pytest

from osmoc.cli.workflow import read_source
from osmoc.codes import TABLE, Code, Severity
from osmoc.diagnostics import Diagnostic, Diagnostics
from osmoc.explanations import Example, Explanation, explain_text, explanation
from osmoc.passes.read_profile import read_profile
from osmoc.pipeline import Options, compile_workflow
from osmoc.source import Source

_IDS: Final = sorted(file.name.removesuffix(".yaml") for file in resources.files("osmoc").joinpath("explain").iterdir())
# Those that an example can earn: for the others it takes a cluster.
_OF_FILES: Final = [code_id for code_id in _IDS if not explanation(code_id).on_cluster]
_MARK: Final = re.compile(r"# ([EWN][0-9]{3})( below)?(?:: (.+))?$")
# A circle of waiting tasks always holds one that stands further down in the file.
_COMPANIONS: Final = {"E301": frozenset({"W320", "W321"})}
# Every result needs something of its cluster, so no file is without this one.
_NEVER_ALONE: Final = "N730"


def findings(example: Example) -> list[Diagnostic]:
    """What the compiler finds in an example: the one place that knows how it is called."""
    source, _ = read_source("-", TextIOWrapper(BytesIO(example.data or example.text.encode())))
    if isinstance(source, Diagnostic):
        return [source]
    profile = None
    if example.profile:
        found = Diagnostics(Source("osmoc.yaml", example.profile))
        profile = read_profile(found)
        if found.failed:
            return list(found)
    options = Options(
        set_=example.set_,
        set_string=example.set_string,
        set_env=example.set_env,
        labels=example.labels,
        target=example.target or None,
        pool=example.pool,
        priority=example.priority,
        workflow_id=example.workflow_id,
    )
    return list(compile_workflow(source, profile, options=options, read_file=_reader(example)).findings)


def _reader(example: Example) -> Callable[[str], bytes]:
    def read_file(name: str) -> bytes:
        if name not in example.files:
            raise FileNotFoundError(2, "No such file or directory", name)
        return example.files[name].encode()

    return read_file


def marks(text: str) -> list[tuple[str, int, str]]:
    """Code, line and a part of the message for each comment that says what is expected."""
    matches = ((n, _MARK.search(line)) for n, line in enumerate(text.split("\n"), start=1))
    return [(match[1], n + 1 if match[2] else n, match[3] or "") for n, match in matches if match]


def _examples_of(code_id: str) -> tuple[Explanation, Example, Example | None]:
    long = explanation(code_id)
    assert long.bad, "an example is missing"
    return long, long.bad, long.good


def _serious(found: list[Diagnostic], code: Code) -> list[Diagnostic]:
    """Errors and warnings; notes only of `code`."""
    return [d for d in found if d.severity is not Severity.NOTE or d.code is code]


def _told(found: list[Diagnostic]) -> str:
    return "\n".join(f"{d.place and d.place.line}: {d.code.id}: {d.message} (help: {d.help})" for d in found)


def test_every_code_has_an_explanation_and_nothing_else_has_one() -> None:
    assert set(_IDS) == set(TABLE)


@pytest.mark.parametrize("code_id", _OF_FILES)
def test_bad_example_earns_exactly_its_finding_on_the_marked_line(code_id: str) -> None:
    long, bad, _ = _examples_of(code_id)
    expected = marks(bad.text) + marks(bad.profile) if bad.text else [(code_id, 1, "")]
    assert {code for code, _, _ in expected} == {code_id}, "the comments of the example name its own code"
    companions = _COMPANIONS.get(code_id, frozenset())
    found = [d for d in _serious(findings(bad), long.code) if d.code.id not in companions]
    if code_id == _NEVER_ALONE:
        found = [d for d in found if d.place]
    places = [(d.code.id, d.place.line if d.place else 0) for d in found]
    assert places == [(code, 0 if long.nowhere else line) for code, line, _ in expected], _told(found)
    for diagnostic, (_, _, part) in zip(found, expected, strict=True):
        assert part in diagnostic.message


@pytest.mark.parametrize("code_id", _OF_FILES)
def test_good_example_earns_nothing(code_id: str) -> None:
    long, _, good = _examples_of(code_id)
    if code_id == _NEVER_ALONE:
        assert good is None
        return
    assert good, "an example is missing"
    assert not marks(good.text + good.profile)
    found = _serious(findings(good), long.code)
    assert not found, _told(found)


@pytest.mark.parametrize("code_id", _IDS)
def test_text_opens_with_the_code_and_shows_each_example(code_id: str) -> None:
    long = explanation(code_id)
    text = explain_text(long.code)
    assert text.startswith(f"{code_id} ({long.code.severity.value}): {long.code.summary}\n\n{long.meaning}")
    for example in filter(None, (long.bad, long.good)):
        # Control characters of an example are shown as escapes.
        shown = [f"    {line}".rstrip() for line in example.text.splitlines() if line.isprintable()]
        assert not set(shown) - set(text.splitlines())
    assert text.replace("\n", "").isprintable(), "a terminal would obey it"
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("code_id", _IDS)
def test_meaning_is_one_to_four_sentences(code_id: str) -> None:
    meaning = explanation(code_id).meaning
    assert meaning.endswith(".\n")
    assert 1 <= len(re.findall(r"[.?](?=\s+[A-Z`]|\s*$)", meaning)) <= 4


def test_explanation_of_an_unknown_code_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        explanation("E999")


def test_marks_tell_this_line_from_the_next() -> None:
    text = "a: 1  # E204: not a task\n# W123 below\nb: |\n  # no mark E204\n"
    assert marks(text) == [("E204", 1, "not a task"), ("W123", 3, "")]
