"""Words of a picture: short enough for a box, and free of characters that a terminal or a renderer would obey."""

import shlex
import unicodedata
from itertools import accumulate, takewhile

from osmoc.graph import Graph, Group, Task
from osmoc.picture.flow import Data, Kind
from osmoc.spec import Resource

LEAD = "★"


def heading(graph: Graph) -> str:
    """How much there is: `4 tasks`, or `4 tasks in 3 groups`."""
    groups = [group for group in graph.groups.values() if not group.implicit]
    tasks = _counted(sum(len(group.tasks) for group in graph.groups.values()), "task")
    return f"{tasks} in {_counted(len(groups), 'group')}" if groups else tasks


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def title(group: Group) -> str:
    """The name people know a group by: a task of `tasks` has no group in their eyes."""
    return group.tasks[0].name if group.implicit else group.name


def image_name(image: str) -> str:
    """`nvcr.io/nvidia/pytorch:24.01-py3` is `pytorch:24.01-py3`; a digest is cut to what tells it from others."""
    name, _, digest = plain(image).rpartition("/")[2].partition("@")
    return f"{name}@{digest.rpartition(':')[2][:7]}" if digest else name


def gpus(resource: Resource) -> str:
    return f"{resource.gpu} GPU" if resource.gpu else ""


def caption(task: Task) -> str:
    """The image, and the hardware that matters at a glance: `pytorch:24.01-py3 · 8 GPU · a100`."""
    words = (image_name(task.image), gpus(task.resource), plain(task.resource.platform or ""))
    return " · ".join(filter(None, words))


def hardware(resource: Resource) -> str:
    """All that a task asks for: `8 GPU, 32 CPU, 64Gi memory, 1Ti storage, platform a100`."""
    words = (
        gpus(resource),
        f"{resource.cpu} CPU" if resource.cpu else "",
        f"{resource.memory.text} memory" if resource.memory else "",
        f"{resource.storage.text} storage" if resource.storage else "",
        f"platform {resource.platform}" if resource.platform else "",
    )
    return plain(", ".join(filter(None, words)))


def data(item: Data) -> str:
    """`dataset cats:v1`; a task and a URL say themselves what they are."""
    return plain(f"dataset {item.name}" if item.kind is Kind.DATASET else item.name)


def command_line(task: Task, width: int = 160) -> str:
    return cut(plain(shlex.join(task.command)[: width + 1]), width)


def plain(text: str) -> str:
    """The text on one line, with whatever does not print as its escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, width: int) -> str:
    """At most `width` columns, an ellipsis in place of the rest."""
    if columns(text) <= width:
        return text
    return _head(text, width - 1) + "…"


def cut_middle(text: str, width: int) -> str:
    """At most `width` columns: of a URL the bucket and the last folder matter."""
    if columns(text) <= width:
        return text
    return _head(text, width // 2) + "…" + _head(text[::-1], (width - 1) // 2)[::-1]


def _head(text: str, width: int) -> str:
    ends = accumulate(map(_columns, text))
    return text[: sum(1 for _ in takewhile(lambda end: end <= width, ends))]
