"""A driver's time at work: waits for the Lease, then hears what has changed and does its duty, step by step."""

import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple, Protocol

from osmo_driver.cluster import ApiError
from osmo_driver.lease import Lease, Lost
from osmo_driver.records import Status
from osmo_driver.store import Store
from osmo_driver.watching import News, Troubled

Say = Callable[[str], None]

LONGEST_REST: Final = 3.0
_GATHER: Final = 0.2  # changes come in bursts
_STANDBY: Final = 2.0


class Stepped(NamedTuple):
    """The end of the workflow, or None; and for how many seconds there is nothing to do without news."""

    end: Status | None
    rest: float


class Duty(Protocol):
    """What is done upon what is seen. Both may raise ApiError: the step is taken again, after a conflict begun anew."""

    def begin(self) -> None:
        """The Lease is this driver's now: what others have written counts."""

    def step(self) -> Stepped: ...


class Shift:
    def __init__(self, store: Store, kinds: frozenset[str], lease: Lease, news: SimpleQueue[News], say: Say) -> None:
        self._store = store
        self._kinds = kinds
        self._lease = lease
        self._news = news
        self._say = say
        self._failures = 0

    def work(self, duty: Duty) -> Status:
        """The end of the workflow."""
        while True:
            self._stand_by(duty)
            try:
                return self._work(duty)
            except Lost:
                self._say("the Lease is held by another driver")

    def _stand_by(self, duty: Duty) -> None:
        waits_for = ""
        while True:
            try:
                holder = self._lease.acquire()
                if not holder:
                    return duty.begin()
                if holder != waits_for:
                    self._say(f"waiting: the Lease is held by {holder}")
                waits_for = holder
            except ApiError as error:
                self._say(f"waiting: {error}")
            self._hear(_STANDBY)

    def _work(self, duty: Duty) -> Status:
        rest = 0.0
        while True:
            self._hear(rest)
            try:
                self._lease.renew()
                if not self._store.has(self._kinds):
                    rest = LONGEST_REST
                    continue
                end, rest = duty.step()
                self._failures = 0
                if end:
                    return end
            except ApiError as error:
                rest = LONGEST_REST
                self._pause(error)
                if error.status == 409:
                    self._begin(duty)

    def _begin(self, duty: Duty) -> None:
        try:
            duty.begin()
        except ApiError as error:
            self._pause(error)

    def _pause(self, error: ApiError) -> None:
        self._failures += 1
        pause = max(error.pause, min(2.0**self._failures / 2, LONGEST_REST))
        self._say(f"waiting {pause:g} s: {error}")
        time.sleep(pause)

    def _hear(self, seconds: float) -> None:
        """All news there are; waits for the first."""
        try:
            self._take(self._news.get(timeout=seconds) if seconds else self._news.get_nowait())
            time.sleep(_GATHER if seconds else 0)
            while True:
                self._take(self._news.get_nowait())
        except Empty:
            pass

    def _take(self, news: News) -> None:
        if isinstance(news, Troubled):
            self._say(f"{news.kind} cannot be watched: {news.message}")
        self._store.hear(news)
