"""A wire to the storage that is cut at an exact request, for a while, or now and then."""

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from runtime.s3 import Fault, Proxy, Request

_LONGEST_HOLD: Final = 25.0


@dataclass(frozen=True)
class Step:
    """A request by its method and a part of its path; and whether the storage has it done when it is held."""

    method: str
    part: str
    done: bool = False

    def __str__(self) -> str:
        return f"{'after' if self.done else 'before'} {self.method} {self.part}"


@dataclass
class Gate:
    """Holds the first request of a step until it is `over`. Then it is lost, or its answer is; or it comes late."""

    step: Step
    late: bool = False
    reached: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    passed: bool = False
    _taken: bool = False

    def takes(self, request: Request) -> bool:
        if self._taken or not request.is_of(self.step.method, self.step.part):
            return False
        self._taken = True
        return True

    def hold(self) -> None:
        self.reached.set()
        self.over.wait(_LONGEST_HOLD)


class Wire(Proxy):
    """Refuses connections while it is down."""

    def __init__(self, upstream: int) -> None:
        super().__init__(upstream)
        self.gate: Gate | None = None
        self.flaky = 0.0  # the share of requests that are lost, or whose answers are
        self._random = random.Random(0)
        self._is_down = True
        self._listener: socket.socket | None = None
        self._accepting: threading.Thread | None = None
        self._serving: list[threading.Thread] = []
        self.rule = self._fault_of

    @contextmanager
    def running(self) -> Iterator["Wire"]:
        self.up()
        try:
            yield self
        finally:
            if self.gate:
                self.gate.over.set()
            self.down()
            for thread in self._serving:
                thread.join(10)

    def up(self) -> None:
        self._is_down = False
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=256)
        self.port = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, args=(self._listener, self._serving))
        self._accepting.start()

    def down(self) -> None:
        self._is_down = True
        if self._listener is not None and self._accepting is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._accepting.join()
            self._listener = self._accepting = None

    def hold(self, step: Step, *, late: bool = False) -> Gate:
        self.gate = Gate(step, late)
        return self.gate

    def _fault_of(self, request: Request) -> Fault | None:
        if self._is_down:
            return Fault(lose="request")
        if self.flaky and self._random.random() < self.flaky:
            return Fault(lose=self._random.choice(("request", "answer")))
        return None

    def _answer(self, client: socket.socket, request: Request, head: bytes, body: bytes, fault: Fault | None) -> None:
        gate = self.gate
        if gate is None or not gate.takes(request):
            super()._answer(client, request, head, body, fault)
        elif gate.step.done:
            super()._answer(client, request, head, body, Fault(lose="answer"))
            gate.hold()
        else:
            gate.hold()
            if gate.late:  # who asked is gone by now
                with suppress(OSError):
                    super()._answer(client, request, head, body, Fault(lose="answer"))
            gate.passed = True
