"""Makes the part of a task in its group: none, that of the lead, or that of another task."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from osmo_ctrl import verdicts
from osmo_ctrl.document import TaskDocument
from osmo_ctrl.group import coordinator
from osmo_ctrl.group.archive import Archive
from osmo_ctrl.group.coordinator import Rules
from osmo_ctrl.group.following import Following, Lead
from osmo_ctrl.group.leading import Leading, LeadMembership
from osmo_ctrl.group.messages import Report
from osmo_ctrl.group.part import Membership, Talk
from osmo_ctrl.group.wire import Identity
from osmo_ctrl.settings import Settings
from osmo_ctrl.state import Keeper


@dataclass(frozen=True, slots=True)
class _Place:
    """Of one task in its group."""

    document: TaskDocument
    settings: Settings
    keeper: Keeper
    say: Callable[[str], None]

    @property
    def is_lead(self) -> bool:
        return self.document.group.lead == self.document.task

    @property
    def port(self) -> int:
        return self.settings.group_port or self.document.group.port

    @property
    def lead_host(self) -> str:
        group = self.document.group
        return next(member.host for member in group.members if member.task == group.lead)

    def rules(self) -> Rules:
        group, timeouts = self.document.group, self.document.timeouts
        return Rules(
            tasks=tuple(member.task for member in group.members),
            lead=group.lead,
            barrier=group.barrier,
            ignore_nonlead_status=group.ignore_nonlead_status,
            publishing=frozenset(group.publishing),
            settle=timeouts.settle,
            barrier_timeout=timeouts.barrier,
            absence=timeouts.absence,
        )

    def identity(self) -> Identity:
        """Raises: OSError, if there is no key."""
        document = self.document
        key = self.settings.group_key.read_bytes()
        return Identity(document.workflow_id, self.settings.run, document.group.name, key)

    def talk(self) -> Talk:
        """What an earlier life has said still holds, but for calls of `osmo barrier`, which have to come back."""
        said = self.keeper.state.report or Report(
            attempt=self.settings.attempt,
            pod=self.settings.pod,
            may_return=verdicts.may_return(self.document, self.settings.attempt),
        )
        calls = tuple(call.model_copy(update={"absent": True}) for call in said.calls)
        return Talk(said.model_copy(update={"calls": calls}), lambda report: self.keeper.change(report=report))


@contextlib.asynccontextmanager
async def joined(
    document: TaskDocument, settings: Settings, keeper: Keeper, archive: Archive, say: Callable[[str], None]
) -> AsyncIterator[Membership]:
    """A part that is kept in touch with the group until the context ends. Raises: OSError without a key or a port."""
    place = _Place(document, settings, keeper, say)
    talk = place.talk()
    if place.is_lead:
        leading = _leading(place, archive)
        part: Membership = LeadMembership(talk, leading, has_barrier=document.group.barrier)
        host = place.lead_host if place.lead_host == "127.0.0.1" else None
        await leading.listen(host, place.port)
        running = asyncio.create_task(leading.run(talk))
    else:
        part = Membership(talk, has_barrier=document.group.barrier)
        running = asyncio.create_task(_following(place, talk, archive).run())
    try:
        yield part
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _leading(place: _Place, archive: Archive) -> Leading:
    rules, known = place.rules(), place.keeper.state.group
    now = asyncio.get_running_loop().time()
    state = (
        coordinator.resume(known, now)
        if known
        else coordinator.begin(rules, place.settings.attempt, place.settings.pod, now)
    )
    return Leading(
        rules, place.identity(), state, archive, keep=lambda state: place.keeper.change(group=state), say=place.say
    )


def _following(place: _Place, talk: Talk, archive: Archive) -> Following:
    timeouts, group = place.document.timeouts, place.document.group
    lead = Lead(
        task=group.lead,
        host=place.lead_host,
        port=place.port,
        barrier_timeout=timeouts.barrier,
        absence=timeouts.absence,
    )
    return Following(
        talk,
        place.identity(),
        lead,
        place.document.task,
        highest=place.keeper.state.lead_attempt,
        keep_highest=lambda attempt: place.keeper.change(lead_attempt=attempt),
        read_end=archive.read_end,
        say=place.say,
    )
