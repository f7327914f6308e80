"""How the tasks of a group recognize each other: by a key that all of them have, and never send.

Both draw a nonce; each proves itself by an HMAC over both nonces and what it says of itself. A key of the connection,
made of the same, seals every line with its direction and number: none can be forged, left out, repeated or moved.
"""

import asyncio
import contextlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Final, TypeVar

from pydantic import ValidationError

from osmo_ctrl.group.messages import (
    GREETING,
    LONGEST,
    VERSION,
    Accept,
    Challenge,
    Greeting,
    Join,
    Message,
    Order,
    Report,
    Sealed,
)

Word = TypeVar("Word", Report, Order)

_PATIENCE: Final = 10.0  # seconds for each word of the greeting
# Both sides speak at least every few seconds: silence means that the other is gone.
BEAT: Final = 5.0
SILENCE: Final = 20.0


class RefusedError(Exception):
    """The other is not who it should be, or breaks the protocol."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What two tasks must have in common."""

    workflow_id: str
    run: str
    group: str
    key: bytes


class Connection:
    """Sealed lines in both directions. `close` may be called twice."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._key = b""
        self._directions = ("", "")
        self._sent = 0
        self._heard = 0

    async def greet(self, identity: Identity, attempt: int, pod: str) -> str:
        """The coordinator's side: the name of the task that has proved itself. Raises: RefusedError, OSError."""
        nonce = secrets.token_hex(32)
        await self._write(Challenge(version=VERSION, nonce=nonce))
        join = await self._next(Join, _PATIENCE)
        nonces = (nonce, join.nonce)
        said = (identity.workflow_id, identity.run, identity.group)
        if join.version != VERSION:
            raise RefusedError(f"it speaks version {join.version}")
        if (join.workflow_id, join.run, join.group) != said:
            raise RefusedError("it is of another group")
        if not _is_same(join.proof, _proof(identity, "join", *nonces, *said, join.task)):
            raise RefusedError("it does not have the key")
        proof = _proof(identity, "accept", *nonces, *said, str(attempt), pod)
        await self._write(Accept(attempt=attempt, pod=pod, proof=proof))
        self._seal_with(identity, nonces, ("order", "report"))
        return join.task

    async def join(self, identity: Identity, task: str) -> tuple[int, str]:
        """The task's side: attempt and pod of the lead. Raises: RefusedError, OSError."""
        challenge = await self._next(Challenge, _PATIENCE)
        if challenge.version != VERSION:
            raise RefusedError(f"it speaks version {challenge.version}")
        nonces = (challenge.nonce, secrets.token_hex(32))
        said = (identity.workflow_id, identity.run, identity.group)
        proof = _proof(identity, "join", *nonces, *said, task)
        workflow_id, run, group = said
        await self._write(
            Join(
                version=VERSION, workflow_id=workflow_id, run=run, group=group, task=task, nonce=nonces[1], proof=proof
            )
        )
        accept = await self._next(Accept, _PATIENCE)
        expected = _proof(identity, "accept", *nonces, *said, str(accept.attempt), accept.pod)
        if not _is_same(accept.proof, expected):
            raise RefusedError("it does not have the key")
        self._seal_with(identity, nonces, ("report", "order"))
        return accept.attempt, accept.pod

    async def send(self, word: Report | Order) -> None:
        """Raises: OSError."""
        self._sent += 1
        body = word.model_dump_json()
        seal = _mac(self._key, self._directions[0], str(self._sent), body)
        await self._write(Sealed(sequence=self._sent, body=body, seal=seal))

    async def read(self, model: type[Word]) -> Word:
        """The next word. Raises: RefusedError, OSError (TimeoutError is one) when there is none for too long."""
        sealed = await self._next(Sealed, SILENCE)
        self._heard += 1
        seal = _mac(self._key, self._directions[1], str(self._heard), sealed.body)
        if sealed.sequence != self._heard or not _is_same(sealed.seal, seal):
            raise RefusedError("its seal is not right")
        try:
            return model.model_validate_json(sealed.body)
        except ValidationError as error:
            raise RefusedError(f"this is no {model.__name__.lower()}: {error.errors()[0]['msg']}") from None

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    def _seal_with(self, identity: Identity, nonces: tuple[str, str], directions: tuple[str, str]) -> None:
        self._key = hmac.digest(identity.key, _joined("connection", *nonces), "sha256")
        self._directions = directions

    async def _write(self, message: Message) -> None:
        self._writer.write(message.model_dump_json().encode() + b"\n")
        async with asyncio.timeout(SILENCE):
            await self._writer.drain()

    async def _next(self, kind: type["Spoken"], patience: float) -> "Spoken":
        try:
            async with asyncio.timeout(patience):
                line = await self._reader.readuntil(b"\n")
            message: Greeting = GREETING.validate_json(line)
        except asyncio.IncompleteReadError:
            raise ConnectionResetError("it hung up") from None
        except (asyncio.LimitOverrunError, ValidationError):
            raise RefusedError("it speaks another protocol") from None
        if not isinstance(message, kind):
            raise RefusedError(f"it says {message.kind} out of turn")
        return message


Spoken = TypeVar("Spoken", Challenge, Join, Accept, Sealed)


def _proof(identity: Identity, *words: str) -> str:
    return _mac(identity.key, *words)


def _mac(key: bytes, *words: str) -> str:
    return hmac.new(key, _joined(*words), "sha256").hexdigest()


def _is_same(said: str, right: str) -> bool:
    return hmac.compare_digest(said.encode(), right.encode())  # of text it takes nothing but ASCII


def _joined(*words: str) -> bytes:
    """Each with its length before it: no two lists of words give the same."""
    parts = [word.encode() for word in words]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


async def heard_within(event: asyncio.Event, seconds: float) -> bool:
    """Whether the event came in time; it is cleared."""
    try:
        async with asyncio.timeout(seconds):  # `wait_for` can miss that it is cancelled
            await event.wait()
    except TimeoutError:
        return False
    event.clear()
    return True


async def connect(host: str, port: int) -> Connection:
    """Raises: OSError, for a name that is not known yet as well."""
    async with asyncio.timeout(_PATIENCE):
        reader, writer = await asyncio.open_connection(host, port, limit=LONGEST)
    return Connection(reader, writer)
