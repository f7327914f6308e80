"""Looks at every state that a model of a group can reach, and for those from which it cannot come to its end."""

from collections import deque
from dataclasses import dataclass

from runtime.group_ledger import BrokenError, Setting
from runtime.group_model import Model, World


@dataclass(frozen=True)
class Explored:
    states: int
    steps: int


def explore(setting: Setting, most: int = 2_000_000) -> Explored:
    """Raises BrokenError, with the steps that lead there: a step must not be, or a state has no way to an end."""
    model = Model(setting)
    worlds = [model.first()]
    numbers = {worlds[0]: 0}
    came: list[tuple[int, str]] = [(0, "")]
    before: list[list[int]] = [[]]  # from where a state is reached by what happens sooner or later
    waiting = deque([0])
    steps = 0
    while waiting:
        here = waiting.popleft()
        try:
            for name, kind, world in model.steps(worlds[here]):
                steps += 1
                there = numbers.setdefault(world, len(worlds))
                if there == len(worlds):
                    worlds.append(world)
                    came.append((here, name))
                    before.append([])
                    waiting.append(there)
                if kind not in ("free", "fault"):
                    before[there].append(here)
        except BrokenError as error:
            raise BrokenError(_told(str(error), came, here, len(worlds))) from None
        if len(worlds) > most:
            raise BrokenError(f"more than {most} states")
    _check_ends(worlds, before, came)
    return Explored(len(worlds), steps)


def _check_ends(worlds: list[World], before: list[list[int]], came: list[tuple[int, str]]) -> None:
    """From each state all pods can come to their end, if nothing goes wrong any more."""
    ends = [number for number, world in enumerate(worlds) if world.is_over]
    seen = set(ends)
    while ends:
        for number in before[ends.pop()]:
            if number not in seen:
                seen.add(number)
                ends.append(number)
    stuck = next((number for number in range(len(worlds)) if number not in seen), None)
    if stuck is not None:
        raise BrokenError(_told("this group never ends", came, stuck, len(worlds)))


def _told(what: str, came: list[tuple[int, str]], number: int, states: int) -> str:
    names = []
    while number:
        number, name = came[number]
        names.append(name)
    return "\n  ".join([f"{what}, after ({states} states explored):", *reversed(names)])
