"""How a coordinator and a task recognize each other, over real sockets with a man in the middle, and who is refused."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runtime.groups import free_port
from runtime.loop import asynchronous

from osmo_ctrl.attempts import Attempt
from osmo_ctrl.group import coordinator, following, leading, wire
from osmo_ctrl.group.archive import Archive
from osmo_ctrl.group.following import Following, Lead
from osmo_ctrl.group.leading import Leading
from osmo_ctrl.group.messages import LONGEST, VERSION, Accept, Challenge, End, Epoch, Join, Message, Order, Report
from osmo_ctrl.group.part import Talk
from osmo_ctrl.group.wire import Connection, Identity, RefusedError

OURS = Identity("flow-1", "run-1", "crew", b"k" * 32)
STRANGERS = {
    "another key": replace(OURS, key=b"x" * 32),
    "another group": replace(OURS, group="other"),
    "another run": replace(OURS, run="run-2"),
    "another workflow": replace(OURS, workflow_id="flow-2"),
}
EPOCH = Epoch(attempt=3, pod="pod-of-lead", number=1)
REPORTS = [
    Report(attempt=0, pod="pod-of-one"),
    Report(attempt=0, pod="pod-of-one", phase="running", epoch=EPOCH),
    Report(attempt=0, pod="pod-of-one", phase="ended", end=End(outcome="failed", code=7, exit=7, reason='a "word"')),
]
ORDER = Order(do="run", epoch=EPOCH)

Change = Callable[[int, bytes], list[bytes]]


@dataclass
class Pair:
    """A coordinator's connection and a task's, and what was said."""

    lead: Connection
    task: Connection
    from_lead: list[bytes] = field(default_factory=list)
    from_task: list[bytes] = field(default_factory=list)

    async def greet(self, lead: Identity = OURS, task: Identity = OURS) -> list[Any]:
        """What each side makes of the other; who refuses it hangs up."""
        sides = (
            _or_hang_up(self.lead, self.lead.greet(lead, EPOCH.attempt, EPOCH.pod)),
            _or_hang_up(self.task, self.task.join(task, "one")),
        )
        return list(await asyncio.gather(*sides, return_exceptions=True))

    async def hear(self, reports: int) -> list[Report]:
        """The task has said its first reports; as many as the coordinator takes."""
        await self.greet()
        for report in REPORTS:
            await self.task.send(report)
        return [await self.lead.read(Report) for _ in range(reports)]


async def _or_hang_up(connection: Connection, step: Any) -> Any:
    try:
        return await step
    except RefusedError:
        await connection.close()
        raise


@contextlib.asynccontextmanager
async def pair(change: Change | None = None) -> AsyncIterator[Pair]:
    """`change` says what becomes of a line of the task's; they count from 0."""
    (lead, lead_line), (task, task_line) = await _line(), await _line()
    made = Pair(Connection(*lead), Connection(*task))

    async def relay(source: Any, target: Any, said: list[bytes], change: Change | None = None) -> None:
        with contextlib.closing(target), contextlib.suppress(OSError):
            while line := await source.readline():
                said.append(line)
                target.writelines(change(len(said) - 1, line) if change else [line])

    relays = [
        asyncio.create_task(relay(lead_line[0], task_line[1], made.from_lead)),
        asyncio.create_task(relay(task_line[0], lead_line[1], made.from_task, change)),
    ]
    try:
        yield made
    finally:
        await made.lead.close()
        await made.task.close()
        await asyncio.gather(*relays)


async def _line() -> tuple[Any, Any]:
    one, other = socket.socketpair()
    return await asyncio.open_connection(sock=one, limit=LONGEST), await asyncio.open_connection(sock=other)


# --- Who is let in


@asynchronous
async def test_who_has_the_key_joins_and_both_know_who_the_other_is() -> None:
    async with pair() as made:
        assert await made.greet() == ["one", (EPOCH.attempt, EPOCH.pod)]
        await made.task.send(REPORTS[0])
        await made.lead.send(ORDER)
        assert await made.lead.read(Report) == REPORTS[0]
        assert await made.task.read(Order) == ORDER


@pytest.mark.parametrize("who", STRANGERS)
@asynchronous
async def test_a_stranger_is_refused(who: str) -> None:
    async with pair() as made:
        lead, task = await made.greet(task=STRANGERS[who])
    assert isinstance(lead, RefusedError)
    assert str(lead) == ("it does not have the key" if who == "another key" else "it is of another group")
    assert isinstance(task, ConnectionResetError)


@asynchronous
async def test_the_key_is_never_said() -> None:
    async with pair() as made:
        await made.hear(3)
    said = b"".join(made.from_lead + made.from_task)
    assert OURS.key not in said and OURS.key.hex().encode() not in said


def tampering(**changes: Any) -> Change:
    """With the first word of the task, after it was proved."""
    return lambda number, line: [_line_of(json.loads(line) | changes)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"task": "two"}, "it does not have the key"),
        ({"nonce": "m"}, "it does not have the key"),
        ({"proof": ""}, "it does not have the key"),
        ({"proof": "\N{LATIN SMALL LETTER E WITH ACUTE}" * 64}, "it does not have the key"),
        ({"version": VERSION + 1}, f"it speaks version {VERSION + 1}"),
        ({"more": ""}, "it speaks another protocol"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
@asynchronous
async def test_a_join_that_was_tampered_with_is_refused(changes: dict[str, Any], reason: str) -> None:
    async with pair(tampering(**changes)) as made:
        lead, _ = await made.greet()
    assert isinstance(lead, RefusedError) and str(lead) == reason


@asynchronous
async def test_a_join_that_was_overheard_is_of_no_use_later() -> None:
    async with pair() as first:
        await first.greet()
    async with pair(lambda number, line: first.from_task[:1]) as made:
        lead, _ = await made.greet()
    assert str(lead) == "it does not have the key"


# --- A false coordinator


def accepting(identity: Identity, challenge: Challenge, join: Join, **changes: Any) -> Accept:
    said = (identity.workflow_id, identity.run, identity.group)
    proof = wire._proof(identity, "accept", challenge.nonce, join.nonce, *said, "3", "pod-of-lead")
    return Accept(attempt=3, pod="pod-of-lead", proof=proof).model_copy(update=changes)


async def join_with(answer: Callable[[Challenge, Join], Message]) -> Any:
    """What a task makes of a coordinator that answers so."""
    (reader, writer), (far_reader, far_writer) = await _line()
    task = Connection(reader, writer)
    challenge = Challenge(version=VERSION, nonce="n")

    async def pose() -> None:
        far_writer.write(_line_of(challenge))
        far_writer.write(_line_of(answer(challenge, Join.model_validate_json(await far_reader.readline()))))

    try:
        joined, _ = await asyncio.gather(task.join(OURS, "one"), pose(), return_exceptions=True)
        return joined
    finally:
        await task.close()
        far_writer.close()


@pytest.mark.parametrize("who", STRANGERS)
@asynchronous
async def test_a_task_refuses_the_coordinator_of_others(who: str) -> None:
    joined = await join_with(lambda challenge, join: accepting(STRANGERS[who], challenge, join))
    assert isinstance(joined, RefusedError) and str(joined) == "it does not have the key"


@pytest.mark.parametrize(
    ("changes", "is_right"),
    [
        ({}, True),
        ({"attempt": 4}, False),
        ({"pod": "another"}, False),
        ({"proof": "\N{LATIN SMALL LETTER E WITH ACUTE}" * 64}, False),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
@asynchronous
async def test_the_proof_is_of_all_that_a_coordinator_says(changes: dict[str, Any], is_right: bool) -> None:
    joined = await join_with(lambda challenge, join: accepting(OURS, challenge, join, **changes))
    assert isinstance(joined, tuple if is_right else RefusedError)


@asynchronous
async def test_a_coordinator_cannot_give_a_tasks_own_proof_back() -> None:
    joined = await join_with(lambda challenge, join: Accept(attempt=3, pod="pod-of-lead", proof=join.proof))
    assert isinstance(joined, RefusedError)


@asynchronous
async def test_words_of_a_coordinator_that_were_overheard_are_of_no_use_later() -> None:
    async with pair() as first:
        await first.greet()
    (reader, writer), (_, far_writer) = await _line()
    with contextlib.closing(writer), contextlib.closing(far_writer):
        far_writer.writelines(first.from_lead)
        with pytest.raises(RefusedError, match="it does not have the key"):
            await Connection(reader, writer).join(OURS, "one")


# --- Sealed lines


def edited(**changes: Any) -> Change:
    """The second report with other fields."""
    return lambda number, line: [_line_of(json.loads(line) | changes) if number == 2 else line]


def instead(something: bytes) -> Change:
    return lambda number, line: [line] if number < 2 else [something]


def held_back() -> Change:
    held: list[bytes] = []

    def swap(number: int, line: bytes) -> list[bytes]:
        if number == 1:
            held.append(line)
            return []
        return [line, *held] if number == 2 else [line]

    return swap


CHANGED: dict[str, tuple[Change, int, str]] = {
    "as they are": (lambda number, line: [line], 3, ""),
    "twice": (lambda number, line: [line] * (2 if number == 1 else 1), 1, "its seal is not right"),
    "left out": (lambda number, line: [line] if number != 1 else [], 0, "its seal is not right"),
    "in another order": (held_back(), 0, "its seal is not right"),
    "another body": (edited(body=REPORTS[2].model_dump_json()), 1, "its seal is not right"),
    "another number": (edited(sequence=3), 1, "its seal is not right"),
    "no seal": (edited(seal="\N{LATIN SMALL LETTER E WITH ACUTE}"), 1, "its seal is not right"),
    "more": (edited(more=1), 1, "it speaks another protocol"),
    "another kind": (edited(kind="report"), 1, "it speaks another protocol"),
    "garbage": (instead(b"\x00\xff\n"), 1, "it speaks another protocol"),
    "no end": (instead(b"x" * 2 * LONGEST), 1, "it speaks another protocol"),
    "too long": (instead(b'{"kind":' + b" " * LONGEST + b'"sealed"}\n'), 1, "it speaks another protocol"),
}


@pytest.mark.parametrize(("change", "heard", "reason"), CHANGED.values(), ids=CHANGED)
@asynchronous
async def test_lines_are_taken_as_they_were_said_or_not_at_all(change: Change, heard: int, reason: str) -> None:
    async with pair(change) as made:
        assert await made.hear(heard) == REPORTS[:heard]
        if reason:
            with pytest.raises(RefusedError, match=reason):
                await made.lead.read(Report)


@asynchronous
async def test_a_line_of_the_other_direction_is_refused() -> None:
    async with pair(lambda number, line: [line if number == 0 else made.from_lead[-1]]) as made:
        await made.greet()
        await made.lead.send(ORDER)
        await made.task.read(Order)
        await made.task.send(REPORTS[0])
        with pytest.raises(RefusedError, match="its seal is not right"):
            await made.lead.read(Report)


@asynchronous
async def test_a_line_of_another_connection_is_refused() -> None:
    async with pair() as first:
        await first.hear(1)
    async with pair(lambda number, line: [line if number == 0 else first.from_task[number]]) as made:
        with pytest.raises(RefusedError, match="its seal is not right"):
            await made.hear(1)


@asynchronous
async def test_a_sealed_word_that_is_none_is_refused() -> None:
    async with pair() as made:
        await made.greet()
        await made.task.send(ORDER)
        with pytest.raises(RefusedError, match="this is no report"):
            await made.lead.read(Report)


@settings(deadline=None)
@given(st.sampled_from(REPORTS), st.integers(0), st.integers(1, 255))
def test_any_byte_of_a_sealed_line_that_is_changed_is_found_out(report: Report, place: int, flip: int) -> None:
    """But for the last one: without its end a line is not one yet."""

    def change(number: int, line: bytes) -> list[bytes]:
        at = place % (len(line) - 1)
        return [line[:at] + bytes([line[at] ^ flip]) + line[at + 1 :] if number == 1 else line]

    @asynchronous
    async def scene() -> None:
        async with pair(change) as made:
            await made.greet()
            await made.task.send(report)
            with pytest.raises(RefusedError):
                await made.lead.read(Report)

    scene()


# --- Silence


@asynchronous
async def test_silence_is_bounded_for_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_PATIENCE", 0.05)
    monkeypatch.setattr(wire, "SILENCE", 0.05)
    async with pair(lambda number, line: []) as made:
        lead, task = await made.greet()
        assert isinstance(lead, TimeoutError) and isinstance(task, TimeoutError)
    async with pair() as made:
        await made.greet()
        for read in (made.lead.read(Report), made.task.read(Order)):
            with pytest.raises(TimeoutError):
                await read


# --- The server of the lead and the client of a task


@dataclass
class Desk:
    """A coordinator that listens. `said` is its log, `faults` what no code of ours has caught."""

    leading: Leading
    port: int
    said: list[str]
    faults: list[dict[str, Any]]

    async def told(self, text: str) -> None:
        async with asyncio.timeout(5):
            while not any(text in line for line in self.said):
                await asyncio.sleep(0.01)


async def no_end() -> None:
    """What a storage says that knows of none."""


@contextlib.asynccontextmanager
async def follower(port: int, notes: list[str], highest: int = -1) -> AsyncIterator[None]:
    """A task that looks for its lead, and says in `notes` what it finds."""
    talk = Talk(REPORTS[0], lambda report: None)
    lead = Lead(task="lead", host="127.0.0.1", port=port, barrier_timeout=60, absence=60)
    follows = Following(
        talk, OURS, lead, "one", highest=highest, keep_highest=lambda attempt: None, read_end=no_end, say=notes.append
    )
    running = asyncio.create_task(follows.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _none_is_served() -> None:
    """What serves a connection ends some moments after it."""
    async with asyncio.timeout(5):
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    rules = coordinator.Rules(
        tasks=("lead", "one"),
        lead="lead",
        barrier=True,
        ignore_nonlead_status=True,
        publishing=frozenset(),
        settle=1,
        barrier_timeout=60,
        absence=60,
    )
    said: list[str] = []
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: faults.append(context))
    archive = Archive(None, Attempt("flow-1", "run-1", "lead", 3, "pod-of-lead"), "crew")
    state = coordinator.begin(rules, EPOCH.attempt, EPOCH.pod, 0)
    led = Leading(rules, OURS, state, archive, keep=lambda state: None, say=said.append)
    port = free_port()
    await led.listen("127.0.0.1", port)
    running = asyncio.create_task(led.run(Talk(Report(attempt=3, pod="pod-of-lead"), lambda report: None)))
    try:
        yield Desk(led, port, said, faults)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await _none_is_served()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "it speaks another protocol"),
        (b"\x16\x03\x01\x02\x00\x01\n", "it speaks another protocol"),
        (b'{"kind":"join"}\n', "it speaks another protocol"),
        (b'{"kind":"\\ud800"}\n', "it speaks another protocol"),
        (b"[" * 50_000 + b"\n", "it speaks another protocol"),
        (b"x" * 2 * LONGEST, "it speaks another protocol"),
        (b'{"kind":"sealed","sequence":1,"body":"","seal":""}\n', "it says sealed out of turn"),
        (b'{"kind":"challenge","version":1,"nonce":""}\n', "it says challenge out of turn"),
    ],
    ids=lambda value: repr(value[:24]) if isinstance(value, bytes) else "",
)
@asynchronous
async def test_whoever_speaks_nonsense_is_hung_up_on_and_changes_nothing(line: bytes, reason: str) -> None:
    async with desk() as lead:
        reader, writer = await asyncio.open_connection("127.0.0.1", lead.port)
        writer.write(line)
        with contextlib.suppress(ConnectionResetError):  # of what it had not read yet
            assert len((await reader.read()).splitlines()) == 1, "more than the challenge was said"
        writer.close()
        await lead.told(f"hung up on a stranger: {reason}")
        async with follower(lead.port, []):
            await lead.told("one is here: attempt 0, pod pod-of-o, preparing")
        assert not lead.faults


@asynchronous
async def test_a_name_that_the_group_does_not_have_is_refused() -> None:
    async with desk() as lead:
        for name in ("lead", "nobody"):
            stranger = await wire.connect("127.0.0.1", lead.port)
            await stranger.join(OURS, name)
            await lead.told(f"hung up on {name}: {name} is no task of the group that is led")
            await stranger.close()
        assert not lead.faults


@asynchronous
async def test_a_task_says_once_why_it_is_not_in_its_group() -> None:
    async with desk() as lead:
        notes: list[str] = []
        async with follower(lead.port, notes, highest=EPOCH.attempt + 1):
            await asyncio.sleep(0.3)
        assert notes == ["lead at 127.0.0.1 is not here: attempt 3 of the lead, and 4 was here already"]
        assert not lead.faults and not lead.leading.state.tasks["one"].here


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "it speaks another protocol"),
        (b"x" * 2 * LONGEST, "it speaks another protocol"),
        (b'{"kind":"accept","attempt":0,"pod":"","proof":""}\n', "it says accept out of turn"),
        (b'{"kind":"challenge","version":2,"nonce":""}\n', "it speaks version 2"),
        (
            b'{"kind":"challenge","version":1,"nonce":""}\n{"kind":"accept","attempt":0,"pod":"","proof":""}\n',
            "it does not have the key",
        ),
        (b"", "it hung up"),
    ],
    ids=["another protocol", "no end", "accept", "another version", "no proof", "nothing"],
)
@asynchronous
async def test_a_task_goes_on_looking_for_its_lead_whoever_answers(said: bytes, reason: str) -> None:
    calls = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        with contextlib.closing(writer), contextlib.suppress(OSError):
            writer.write(said)
            writer.write_eof()
            await reader.read()

    port, notes = free_port(), list[str]()
    async with await asyncio.start_server(answer, "127.0.0.1", port), follower(port, notes), asyncio.timeout(5):
        while calls < 3:
            await asyncio.sleep(0.01)
    await _none_is_served()
    assert notes == [f"lead at 127.0.0.1 is not here: {reason}"]


@pytest.mark.parametrize(("beat", "stays"), [(0.05, True), (10, False)])
@asynchronous
async def test_who_has_nothing_to_say_says_so(monkeypatch: pytest.MonkeyPatch, beat: float, stays: bool) -> None:
    """Both repeat themselves well within the silence that is taken for an end."""
    assert 3 * wire.BEAT < wire.SILENCE
    monkeypatch.setattr(wire, "SILENCE", 0.4)
    for speaker in (leading, following):
        monkeypatch.setattr(speaker, "BEAT", beat)
    async with desk() as lead, follower(lead.port, []):
        await lead.told("one is here")
        await asyncio.sleep(1)
        assert ("one has gone away" not in lead.said) is stays


def _line_of(message: Message | dict[str, Any]) -> bytes:
    text = json.dumps(message) if isinstance(message, dict) else message.model_dump_json()
    return text.encode() + b"\n"
