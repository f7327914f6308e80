"""`python -m osmo_ctrl.kept_logs`: the logs that attempts of a run have left in the storage, for `osmoc logs`.

One request as JSON on standard input, events a line on standard output: `schemas/logs.schema.json`. The last event is
a result or an error, and the exit status 0 or 1 accordingly.
"""

import asyncio
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Annotated, Any, Final, Literal

from pydantic import BaseModel, Field, SecretStr, TypeAdapter, ValidationError

from osmo_ctrl.attempts import Attempt, folder, newest_run
from osmo_ctrl.dataset.contract import ErrorEvent, Part, WaitingEvent
from osmo_ctrl.dataset.each import each
from osmo_ctrl.ending import end
from osmo_ctrl.storage.store import Patience, Place, StorageError, Store, open_store

_AT_ONCE: Final = 16  # a segment of a log has at most 8 MiB


class StoragePlace(Part):
    """`credential` has the keys of a Secret, which stand in for what is empty."""

    url: str = ""
    endpoint: str = ""
    region: str = ""
    credential: Mapping[str, SecretStr] = {}


class KeptLog(Part):
    """Of an attempt; `pod` is the beginning of its pod's uid."""

    task: str
    number: int
    pod: str


class Request(Part):
    storage: StoragePlace
    patience: float = Field(15.0, description="Seconds to wait for a storage that is away.")
    workflow_id: str


class ListRequest(Request):
    operation: Literal["list"] = "list"
    run: str = Field("", description="Empty for the newest one.")


class FetchRequest(Request):
    """The log of each attempt becomes a file of `directory`: `0`, `1` and so on, in the order of `logs`."""

    operation: Literal["fetch"] = "fetch"
    run: str
    logs: tuple[KeptLog, ...]
    directory: str


class ListResult(Part):
    """By task and attempt; `run` is empty if there was none."""

    operation: Literal["list"] = "list"
    run: str
    logs: tuple[KeptLog, ...]


class FetchResult(Part):
    operation: Literal["fetch"] = "fetch"


class ResultEvent(Part):
    event: Literal["result"] = "result"
    result: Annotated[ListResult | FetchResult, Field(discriminator="operation")]


AnyRequest = Annotated[ListRequest | FetchRequest, Field(discriminator="operation")]
AnyEvent = Annotated[WaitingEvent | ResultEvent | ErrorEvent, Field(discriminator="event")]

_REQUEST: Final[TypeAdapter[AnyRequest]] = TypeAdapter(AnyRequest)


class Contract(Part):
    request: AnyRequest
    event: AnyEvent


def main(stdin: IO[bytes], stdout: IO[bytes]) -> int:
    def tell(event: BaseModel) -> None:
        stdout.write(event.model_dump_json().encode() + b"\n")
        stdout.flush()

    try:
        result = asyncio.run(_perform(_REQUEST.validate_json(stdin.read()), tell))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        tell(ErrorEvent(fault="invalid", message=f"request: {'.'.join(map(str, first['loc']))}: {first['msg']}"))
        return 1
    except StorageError as error:
        tell(ErrorEvent(fault=error.problem.value, message=str(error)))
        return 1
    except OSError as error:
        tell(ErrorEvent(fault="files", message=f"{error.filename}: {(error.strerror or str(error)).lower()}"))
        return 1
    tell(ResultEvent(result=result))
    return 0


async def _perform(request: AnyRequest, tell: Callable[[BaseModel], None]) -> ListResult | FetchResult:
    place = request.storage
    credential = {name: value.get_secret_value() for name, value in place.credential.items()}
    patience = Patience(request.patience, lambda reason: tell(WaitingEvent(reason=reason)))
    store = open_store(Place(place.url, place.endpoint, place.region, credential), patience)
    return await (_list(request, store) if isinstance(request, ListRequest) else _fetch(request, store))


async def _list(request: ListRequest, store: Store) -> ListResult:
    run = request.run or await newest_run(store, request.workflow_id)
    found: list[KeptLog] = []

    async def look(task: str) -> None:
        for name in await store.folders(f"{folder(request.workflow_id, run, task)}/attempts"):
            number, _, pod = name.partition("-")
            if number.isascii() and number.isdigit():
                found.append(KeptLog(task=task, number=int(number), pod=pod))

    if run:
        await each(await store.folders(f"{request.workflow_id}/{run}"), look, _AT_ONCE)
    return ListResult(run=run, logs=tuple(sorted(found, key=lambda log: (log.task, log.number, log.pod))))


async def _fetch(request: FetchRequest, store: Store) -> FetchResult:
    async def fetch(numbered: tuple[int, KeptLog]) -> None:
        index, log = numbered
        attempt = Attempt(request.workflow_id, request.run, log.task, log.number, log.pod)
        segments = sorted([found.path async for found in store.list(f"{attempt.prefix}/log")])
        with (Path(request.directory) / str(index)).open("wb") as file:
            for path in segments:
                file.write(await store.read(path))

    await each(enumerate(request.logs), fetch, _AT_ONCE)
    return FetchResult()


def schema() -> dict[str, Any]:
    """Of a request, and of an event."""
    return Contract.model_json_schema()


if __name__ == "__main__":
    try:
        end(main(sys.stdin.buffer, sys.stdout.buffer))
    except KeyboardInterrupt:
        end(130)
