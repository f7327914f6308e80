"""Find the version of each `localpath` of a dataset input: no pod can read a folder of the user's machine.

Whoever compiles uploads it and says which version it became; `compile` itself cannot, and names the command.
"""

from collections.abc import Callable, Mapping

from osmoc import codes
from osmoc.datasets import parse_reference
from osmoc.diagnostics import Diagnostics
from osmoc.spec import DatasetInput, Workflow
from osmoc.yamltree import Path, Tree

# Name of the dataset and local path to the version.
DatasetPinner = Callable[[str, str], str]


def pin_datasets(workflow: Workflow, tree: Tree, found: Diagnostics, pin: DatasetPinner | None) -> Mapping[Path, str]:
    """Versions by the path of the input. `pin` raises OSError for what cannot be read, or is not uploaded."""
    versions: dict[Path, str] = {}
    for where, task in workflow.walk():
        for n, item in enumerate(task.inputs):
            path: Path = (*where, "inputs", n)
            if not isinstance(item, DatasetInput) or not item.dataset.localpath:
                continue
            name, local = item.dataset.name, item.dataset.localpath
            reference = parse_reference(name)
            if reference is None or reference[1]:
                continue  # `check_data` says so
            try:
                if pin is None:
                    raise OSError("a manifest cannot hold a local folder")
                versions[path] = pin(name, local)
            except OSError as error:
                reason = f"`{local}`: {error.strerror.lower()}" if error.strerror else str(error)
                help = f"run `osmoc dataset upload {name} {local}` and take `localpath` out"
                if pin and error.strerror:
                    help = "the path is relative to the folder of the workflow file"
                found.report(codes.DATASET_LOCALPATH, tree.span((*path, "dataset", "localpath")), reason, help=help)
    return versions
