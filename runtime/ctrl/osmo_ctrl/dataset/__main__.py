"""`python -m osmo_ctrl.dataset`: one request as JSON on standard input, events a line on standard output."""

import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import IO

from pydantic import BaseModel, ValidationError

from osmo_ctrl.dataset import contract
from osmo_ctrl.dataset.bucket import DatasetBucket
from osmo_ctrl.dataset.faults import DatasetError
from osmo_ctrl.dataset.operations import Desk, perform
from osmo_ctrl.dataset.progress import Step
from osmo_ctrl.ending import end
from osmo_ctrl.storage.store import Patience, Place, StorageError, open_store
from osmo_ctrl.transfer.progress import Progress
from osmo_ctrl.transfer.transfers import Limits, TransferError


def main(stdin: IO[bytes], stdout: IO[bytes], now: Callable[[], datetime]) -> int:
    def tell(event: BaseModel) -> None:
        stdout.write(event.model_dump_json().encode() + b"\n")
        stdout.flush()

    try:
        request = contract.REQUEST.validate_json(stdin.read())
        result = asyncio.run(_perform(request, now(), tell))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        tell(contract.ErrorEvent(fault="invalid", message=f"request: {where}: {first['msg']}"))
        return 1
    except DatasetError as error:
        tell(contract.ErrorEvent(fault=error.fault.value, message=str(error)))
        return 1
    except StorageError as error:
        tell(contract.ErrorEvent(fault=error.problem.value, message=str(error)))
        return 1
    except TransferError as error:
        tell(contract.ErrorEvent(fault="files", message=str(error)))
        return 1
    tell(contract.ResultEvent(result=result))
    return 0


async def _perform(
    request: contract.AnyRequest, now: datetime, tell: Callable[[BaseModel], None]
) -> contract.AnyResult:
    bucket = request.bucket
    credential = {name: value.get_secret_value() for name, value in bucket.credential.items()}
    place = Place(bucket.url, bucket.endpoint, bucket.region, credential)
    patience = Patience(request.patience, lambda reason: tell(contract.WaitingEvent(reason=reason)))
    store = open_store(place, patience)
    steps = partial(_progress, tell)
    return await perform(request, Desk(DatasetBucket(store, bucket.single_writer), now, steps, Limits()))


def _progress(tell: Callable[[BaseModel], None], step: Step) -> Progress:
    def on_change(progress: Progress) -> None:
        tell(
            contract.ProgressEvent(
                step=step,
                files=progress.files,
                all_files=progress.all_files,
                size=progress.bytes,
                all_size=progress.all_bytes,
            )
        )

    return Progress(on_change)


if __name__ == "__main__":
    try:
        end(main(sys.stdin.buffer, sys.stdout.buffer, lambda: datetime.now(UTC)))
    except KeyboardInterrupt:
        end(130)
