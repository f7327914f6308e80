"""What the author gave: the workflow with its place in the file, its local files, and what came beside it.

Everything a check of the spec looks at. A check only reports; it changes nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from osmoc.diagnostics import Diagnostics
from osmoc.spec import Task, Workflow
from osmoc.yamltree import Path, Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """`files` are the texts of local files by the path of their item, `pins` the versions of datasets that were local
    by that of their input; `set_env` and `labels` are options.
    """

    workflow: Workflow
    tree: Tree
    files: Mapping[Path, str]
    pins: Mapping[Path, str]
    set_env: Mapping[str, str]
    labels: Mapping[str, str]

    def local_texts(self, where: Path, task: Task) -> list[tuple[Path, str]]:
        """The texts of the local files of the task at `where`, each with the path that names it."""
        items: list[Path] = [(*where, "files", n) for n in range(len(task.files))]
        return [((*item, "localpath"), self.files[item]) for item in items if item in self.files]


Check = Callable[[Written, Diagnostics], None]
