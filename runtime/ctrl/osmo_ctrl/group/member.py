"""What a task of a group does next: a pure function of what it is at, and of the coordinator's newest order."""

from enum import Enum

from osmo_ctrl.group.messages import Order, Report


class Deed(Enum):
    """ADOPT: it is of the order's epoch. AGAIN: its end does not count, it gets ready for another start."""

    HOLD = "hold"
    ADOPT = "adopt"
    START = "start"
    STOP = "stop"
    AGAIN = "again"
    UPLOAD = "upload"
    EXIT = "exit"


def react(mine: Report, order: Order | None) -> Deed:
    """Without an order, and wherever none is right, nothing changes."""
    if order is None:
        return Deed.HOLD
    is_end = order.do == "end"
    match mine.phase:
        case "preparing":
            return Deed.EXIT if is_end else Deed.HOLD
        case "ready":
            if is_end:
                return Deed.EXIT
            if mine.epoch != order.epoch:
                return Deed.ADOPT
            return Deed.START if order.do == "run" else Deed.HOLD
        case "running":
            if is_end:
                return Deed.STOP
            if mine.epoch is None:  # it began without a barrier, before it had found the coordinator
                return Deed.ADOPT
            return Deed.HOLD if mine.epoch == order.epoch else Deed.STOP
        case "ended":
            if is_end or order.do == "leave":  # its end counts, even if the others are in a new epoch by now
                return Deed.UPLOAD
            if mine.epoch is None:
                return Deed.ADOPT
            return Deed.HOLD if mine.epoch == order.epoch else Deed.AGAIN
        case "done":
            return Deed.EXIT if order.do == "go" else Deed.HOLD
