"""What follows from ends and failures."""

from pathlib import Path
from typing import Any

import pytest
from runtime.pod import document as plain

from osmo_ctrl import verdicts
from osmo_ctrl.document import TaskDocument
from osmo_ctrl.verdicts import Publication


def document(**changes: Any) -> TaskDocument:
    return TaskDocument.model_validate(plain(Path("/s"), "true") | changes)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("completed", Publication(datasets=True, urls=True)),
        ("failed", Publication(datasets=False, urls=True)),
        ("rescheduled", Publication(datasets=False, urls=False)),
        ("terminated", Publication(datasets=False, urls=False)),
    ],
)
def test_only_a_complete_task_writes_datasets(outcome: Any, expected: Publication) -> None:
    assert verdicts.publication(outcome, document()) == expected


def test_urls_of_a_failed_task_are_left_out_if_the_profile_says_so() -> None:
    storage = {**plain(Path("/s"), "true")["storage"], "publish_on_failure": False}
    assert verdicts.publication("failed", document(storage=storage)) == Publication(datasets=False, urls=False)


@pytest.mark.parametrize(("attempt", "may"), [(0, True), (2, True), (3, False)])
def test_the_last_attempt_may_not_ask_for_another(attempt: int, may: bool) -> None:
    assert verdicts.retry(document(), attempt).may_reschedule is may


@pytest.mark.parametrize(
    ("action", "codes", "named"),
    [
        ("RESCHEDULE", [[3004, 3004]], True),
        ("RESCHEDULE", [[1, 10], [100, 200]], True),
        ("RESCHEDULE", [[1, 136]], False),
        ("FAIL", [[137, 137]], False),
    ],
)
def test_running_out_of_memory_is_named_by_reschedule(action: str, codes: list[list[int]], named: bool) -> None:
    actions = [{"action": action, "codes": codes}]
    assert verdicts.retry(document(exit_actions=actions), 0).out_of_memory is named
