"""Long links pass every column between their ends, and share their way where they can."""

import pytest

from osmoc.picture import mesh as module
from osmoc.picture.mesh import Box, Link, Wire, mesh

BOXES = {name: Box(100, 40) for name in "abcd"}
CHAIN = [Link("a", "b", 10, 10), Link("b", "c", 10, 10), Link("c", "d", 10, 10)]


def test_a_long_link_has_a_track_in_each_column_between() -> None:
    net = mesh(BOXES, [*CHAIN, Link("a", "d", 20, 30)])
    assert net.columns == [[0], [1, 4], [2, 5], [3]]
    assert net.paths[3].nodes == (0, 4, 5, 3)
    assert net.wires[3:] == (Wire(0, 20, 4, 0), Wire(4, 0, 5, 0), Wire(5, 0, 3, 30))


def test_links_from_one_port_share_their_tracks() -> None:
    net = mesh(BOXES, [*CHAIN, Link("a", "c", 20, 10), Link("a", "d", 20, 10)])
    assert [path.nodes for path in net.paths[3:]] == [(0, 4, 2), (0, 4, 5, 3)]
    assert not net.paths[4].gathers


def test_links_into_one_port_share_theirs() -> None:
    net = mesh(BOXES, [*CHAIN, Link("a", "d", 20, 30), Link("b", "d", 20, 30)])
    assert [path.nodes for path in net.paths[3:]] == [(0, 4, 5, 3), (1, 5, 3)]
    assert net.paths[3].gathers


def test_too_many_tracks_are_not_laid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_TRACKS", 1)
    net = mesh(BOXES, [*CHAIN, Link("a", "d", 20, 30), Link("b", "d", 20, 20)])
    assert [path.nodes for path in net.paths[3:]] == [(0, 3), (1, 4, 3)]
    assert len(net.wires) == 5
