"""`osmo barrier`: a process waits until as many as it wants wait at the same name in the tasks of its group."""

from osmo_ctrl.group.messages import Call
from osmo_ctrl.group.part import Part
from osmo_ctrl.tool.messages import Barrier, Open
from osmo_ctrl.tool.peer import Peer


async def wait_at(barrier: Barrier, peer: Peer, part: Part, tasks: int) -> None:
    """As long as it takes. Whoever hangs up takes the call back: this is then cancelled."""
    async with part.call(Call(id=barrier.id, name=barrier.name, count=barrier.count or tasks)):
        await peer.say(Open())
        # The call is forgotten only then: a tool that had to ask again would wait for the next round.
        await peer.sent()
