"""What osmo-ctrl must know when it was restarted: one small JSON file, replaced as a whole."""

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from osmo_ctrl.group.coordinator import State as GroupState
from osmo_ctrl.group.messages import Report
from osmo_ctrl.messages import Ended, Failure

Phase = Literal["download", "barrier", "run", "upload", "done"]


class State(BaseModel):
    """`key` is what the agent proves itself with; `began` says when each phase began, in seconds since 1970.

    In a group of several tasks `report` is what was last said of this one, `lead_attempt` the highest of the lead that
    was seen, `group` what the lead knows of all, and `last_word` what the end of the group makes of its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    phase: Phase = "download"
    key: str = ""
    epoch: int = 0
    began: dict[str, float] = {}
    ended: Ended | None = None
    segments: int = 0
    failure: Failure | None = None
    last_word: Failure | None = None
    report: Report | None = None
    lead_attempt: int = -1
    group: GroupState | None = None


def load(path: Path) -> State:
    """The state of an earlier life; a new one if there was none.

    A file that cannot be read is a bug or a broken disk: then nothing is known, and raising is all that is safe.
    """
    try:
        return State.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return State()
    except ValidationError as error:
        raise RuntimeError(f"{path} is not what osmo-ctrl wrote there: {error}") from error


def save(path: Path, state: State) -> None:
    new = path.with_suffix(".new")
    with new.open("w") as file:
        file.write(state.model_dump_json())
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


class Keeper:
    """The state in memory and on the volume: on both before anything follows from a change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.state = load(path)

    def change(self, **changes: Any) -> None:
        self.state = self.state.model_copy(update=changes)
        save(self._path, self.state)
