"""What a restarted osmo-ctrl knows."""

from pathlib import Path

import pytest

from osmo_ctrl.messages import Failure
from osmo_ctrl.state import Keeper, State, load


def test_nothing_is_known_at_first(tmp_path: Path) -> None:
    assert load(tmp_path / "state.json") == State()


def test_a_change_is_on_the_volume_when_it_returns(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    keeper = Keeper(path)
    keeper.change(phase="run", key="k", epoch=2, began={"run": 1.5})
    keeper.change(failure=Failure(code=2012, exit=241, reason="no room"))
    assert Keeper(path).state == keeper.state
    assert keeper.state.epoch == 2 and keeper.state.failure is not None
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


def test_what_it_did_not_write_stops_it(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text('{"phase": "sleep"}')
    with pytest.raises(RuntimeError, match="not what osmo-ctrl wrote"):
        load(path)
