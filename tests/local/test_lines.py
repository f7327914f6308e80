"""Output as lines, kept and shown."""

from pathlib import Path

from osmoc.local.lines import LineLog, read_lines
from osmoc.local.telling import shown


def _log(path: Path, seen: list[tuple[str, bytes]]) -> LineLog:
    return LineLog(path, lambda stream, text: seen.append((stream, text)), now=lambda: 1.5)


def test_lines_are_put_together_from_pieces(tmp_path: Path) -> None:
    seen: list[tuple[str, bytes]] = []
    log = _log(tmp_path / "log", seen)
    for stream, data in (("stdout", b"one\ntw"), ("stderr", b"oops"), ("stdout", b"o\n\nthree"), ("stdout", b"")):
        log.add(stream, data)
    log.close()
    assert seen == [("stdout", b"one"), ("stdout", b"two"), ("stdout", b""), ("stdout", b"three"), ("stderr", b"oops")]
    kept = list(read_lines(tmp_path / "log"))
    assert [(line.stream, line.text) for line in kept] == seen
    assert {line.time for line in kept} == {"1970-01-01T00:00:01.500000Z"}


def test_a_line_without_end_is_kept_in_parts(tmp_path: Path) -> None:
    seen: list[tuple[str, bytes]] = []
    log = _log(tmp_path / "log", seen)
    log.add("stdout", b"x" * 40_000)
    log.close()
    parts = list(read_lines(tmp_path / "log"))
    assert [line.is_whole for line in parts] == [False, False, True]
    assert b"".join(line.text for line in parts) == b"x" * 40_000


def test_bytes_that_are_no_text_are_kept(tmp_path: Path) -> None:
    log = _log(tmp_path / "log", [])
    log.add("stdout", b"\xff\x00 a b\r\n")
    log.close()
    assert [line.text for line in read_lines(tmp_path / "log")] == [b"\xff\x00 a b\r"]


def test_no_file_is_no_lines(tmp_path: Path) -> None:
    assert list(read_lines(tmp_path / "log")) == []


def test_a_terminal_gets_nothing_that_acts() -> None:
    assert shown(b"\x1b[31mred\x1b[0m\tand\r") == "red\tand"
    assert shown(b" 10%\r 20%\r100%") == "100%"
    assert shown(b"\x1b]0;title\x07") == "\\x1b]0;title\\x07"
