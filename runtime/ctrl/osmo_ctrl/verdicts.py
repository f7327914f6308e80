"""What follows from how a command ended, and from what went wrong: pure, and in one place."""

from dataclasses import dataclass
from typing import Final, Literal

from osmo_ctrl.document import TaskDocument
from osmo_ctrl.messages import Ended, ExitAction, Failure, Outcome, Retry

# Codes of failures that only the cluster, or the agent by looking at the kernel, sees.
_OUT_OF_MEMORY: Final = (137, 3004)
AGAIN: Final = 250
_RESERVED: Final = 239

# What a manifest says of an attempt: what the agent said, or that it was lost.
Recorded = Outcome | Literal["lost"]


@dataclass(frozen=True, slots=True)
class Publication:
    """What of an attempt others may see. Its log and its own files are kept in any case."""

    datasets: bool
    urls: bool


def publication(outcome: Outcome, document: TaskDocument) -> Publication:
    """Datasets only of a complete task; URLs of a failed one too, as OSMO does.

    Nothing of what runs again or was ended from outside.
    """
    on_failure = document.storage is None or document.storage.publish_on_failure
    match outcome:
        case "completed":
            return Publication(datasets=True, urls=True)
        case "failed":
            return Publication(datasets=False, urls=on_failure)
        case "rescheduled" | "terminated":
            return Publication(datasets=False, urls=False)


def exit_actions(document: TaskDocument) -> tuple[ExitAction, ...]:
    return tuple(ExitAction(action=item.action, codes=item.codes) for item in document.exit_actions)


def retry(document: TaskDocument, attempt: int) -> Retry:
    """Attempts count from 0, so the last one that may ask for another is the one before the limit."""
    named = [pair for item in document.exit_actions if item.action == "RESCHEDULE" for pair in item.codes]
    is_named = any(first <= code <= last for code in _OUT_OF_MEMORY for first, last in named)
    return Retry(may_reschedule=attempt < document.retry.reschedule, out_of_memory=is_named)


def with_retry(failure: Failure, document: TaskDocument, attempt: int) -> Failure:
    """Of a failure that an exit action says to run the task again for, the pod ends with the sentinel.

    The agent decides the same after the command has started; before that it has no exit actions.
    """
    for item in document.exit_actions:
        if any(first <= failure.code <= last for first, last in item.codes):
            again = item.action == "RESCHEDULE" and attempt < document.retry.reschedule
            return failure.model_copy(update={"exit": AGAIN}) if again else failure
    return failure


def may_return(document: TaskDocument, attempt: int) -> bool:
    """Whether this attempt may be followed by another: by an exit code, or after the loss of its pod."""
    by_code = any(item.action == "RESCHEDULE" for item in document.exit_actions) and attempt < document.retry.reschedule
    return by_code or attempt < document.retry.infrastructure


def in_group(ended: Ended, *, completed: bool) -> Ended:
    """What an end is worth that the end of its group overtook: whatever a group that is complete has stopped is too.

    In one that has failed nothing is run again.
    """
    if ended.cause == "terminated":
        return ended
    if completed:
        return ended.model_copy(update={"outcome": "completed", "exit": 0})
    if ended.outcome == "rescheduled":
        own = ended.code if ended.code and ended.code < _RESERVED else _RESERVED
        return ended.model_copy(update={"outcome": "failed", "exit": own})
    return ended


def download_failed(reason: str) -> Failure:
    return Failure(code=2010, exit=240, reason=reason)


def upload_failed(reason: str) -> Failure:
    return Failure(code=2012, exit=241, reason=reason)


def data_missing(reason: str) -> Failure:
    return Failure(code=2010, exit=245, reason=reason)


def access_denied(reason: str) -> Failure:
    return Failure(code=2014, exit=246, reason=reason)


def system_failed(reason: str) -> Failure:
    return Failure(code=2040, exit=247, reason=reason)
