"""Read the local files of `files:`; what they hold is used as it is, but for the special tokens.

OSMO renders them as templates once more, so that a script with `{{ x }}` or `${#array[@]}` fails there.
"""

import posixpath
from collections.abc import Callable, Mapping

from osmoc import codes
from osmoc.diagnostics import Diagnostics
from osmoc.spec import Workflow
from osmoc.tokens import PROTECTED
from osmoc.yamltree import Path, Tree

FileReader = Callable[[str], bytes]


def read_files(workflow: Workflow, tree: Tree, found: Diagnostics, read_file: FileReader | None) -> Mapping[Path, str]:
    """The text of each local file by the path of its item. `read_file` raises OSError for what cannot be read."""
    texts: dict[Path, str] = {}
    for where, task in workflow.walk():
        for n, file in enumerate(task.files):
            path: Path = (*where, "files", n)
            if file.localpath is not None and file.contents is None:
                text = _read(file.localpath, (*path, "localpath"), tree, found, read_file)
                if text is not None:
                    texts[path] = text
    return texts


def _read(name: str, path: Path, tree: Tree, found: Diagnostics, read_file: FileReader | None) -> str | None:
    try:
        if not name or "\0" in name:
            raise FileNotFoundError(2, "No such file or directory")
        if read_file is None:
            raise OSError(0, "there is no folder to read it from")
        text = read_file(name).decode()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        help = "the path is relative to the folder of the workflow file"
        found.report(codes.LOCALPATH, tree.span(path), f"`{name}` cannot be read: {reason}", help=help)
        return None
    except UnicodeDecodeError:
        help = "give a binary file as `contents` with `base64: true`, or as an input"
        found.report(codes.LOCALPATH, tree.span(path), f"`{name}` is not UTF-8 text", help=help)
        return None
    if "\0" in text:
        found.report(codes.CONTROL_CHARACTER, tree.span(path), f"`{name}` holds a NUL character")
        return None
    if name.startswith("/") or posixpath.normpath(name).startswith("../"):
        message = f"`{name}` lies outside the folder of the workflow, which does not hold all that it needs then"
        found.report(codes.OUTSIDE_FOLDER, tree.span(path), message)
    rest = PROTECTED.sub("", text)
    if any(opening in rest for opening in ("{{", "{%", "{#")):
        found.report(
            codes.TEMPLATE_IN_FILE,
            tree.span(path),
            f"`{name}` holds template syntax, which OSMO would render; here it stays as it is",
        )
    return text
