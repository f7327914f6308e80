"""Inputs, outputs and checkpoints: URLs, datasets, patterns, and whether the command ever looks at them."""

import posixpath
import re
from typing import Final

from osmoc import codes, urls
from osmoc.datasets import parse_reference
from osmoc.diagnostics import Diagnostics
from osmoc.redaction import has_secret
from osmoc.spec import (
    DatasetFields,
    DatasetInput,
    DatasetOutput,
    Task,
    TaskInput,
    UpdateDatasetOutput,
    UpdateFields,
    UrlInput,
    UrlOutput,
    Workflow,
)
from osmoc.tokens import OUTPUT_DIRECTORY, TokenKind, stand_in, tokens_in
from osmoc.written import Written
from osmoc.yamltree import Path, Tree

# A star after a slash or a plain letter; `.*`, `[a-z]*`, `\d*` are what regular expressions are made of.
_GLOB: Final = re.compile(r"(?:^|/)\*|(?<![.\])}\\])(?<!\\\w)\*\.\w+\$?$")
_WRONG_DIRECTORY: Final = re.compile(r"(?<![\w./-])/osmo/(input|output)(?![\w-])")


def check_data(written: Written, found: Diagnostics) -> None:
    workflow, tree = written.workflow, written.tree
    datasets = _written_datasets(workflow)
    for where, task in workflow.walk():
        for n, item in enumerate(task.inputs):
            path: Path = (*where, "inputs", n)
            if isinstance(item, UrlInput):
                _check_url(item.url, (*path, "url"), tree, found)
            if isinstance(item, DatasetInput):
                _check_dataset_input(item.dataset, (*path, "dataset"), tree, found)
            else:
                _check_regex(item.regex, (*path, "regex"), tree, found)
        for n, output in enumerate(task.outputs):
            path = (*where, "outputs", n)
            if isinstance(output, UrlOutput):
                _check_url(output.url, (*path, "url"), tree, found)
                _check_regex(output.regex, (*path, "regex"), tree, found)
            elif isinstance(output, DatasetOutput):
                _check_dataset_output(output.dataset, (*path, "dataset"), tree, found)
            else:
                _check_update(output, (*path, "update_dataset"), datasets, tree, found)
        for n, kpi in enumerate(task.kpis):
            _check_inside(kpi.path, (*where, "kpis", n, "path"), tree, found)
        _check_checkpoints(task, where, tree, found)
        _check_use(task, where, written, found)


def _written_datasets(workflow: Workflow) -> frozenset[str]:
    """Names as written, without tags: enough to tell whether an update has a base in this workflow."""
    names = []
    for _, task in workflow.walk():
        for output in task.outputs:
            if isinstance(output, DatasetOutput):
                names.append(output.dataset.name.partition(":")[0])
    return frozenset(names)


def _check_url(url: str, path: Path, tree: Tree, found: Diagnostics) -> None:
    if has_secret(url):
        help = "make a credential of it with `osmoc credential set`; `data_access` of the profile names its Secret"
        found.report(codes.URL_SECRET, tree.span(path), "a URL with a password or a signature", help=help)
    elif fault := urls.fault_of(url):
        found.report(codes.BAD_URL, tree.span(path), fault[0], help=fault[1])
    elif "?" in url or "#" in url:
        character = "?" if "?" in url else "#"
        found.report(
            codes.URL_CHARACTER, tree.span(path), f"storage takes `{character}` as a part of the name, not of a query"
        )


def _check_regex(regex: str, path: Path, tree: Tree, found: Diagnostics) -> None:
    if regex and _GLOB.search(regex):
        help = "write `.*` for any text and `\\.` for a dot; the pattern is matched from the start of the path"
        found.report(codes.GLOB_REGEX, tree.span(path), f"`{regex}` looks like a shell pattern", help=help)


def _check_name(name: str, path: Path, tree: Tree, found: Diagnostics) -> str | None:
    """The tag or version of a reference; None, reported, if it is none."""
    reference = parse_reference(name)
    if reference is None:
        help = "the form is `[bucket/]name[:tag]`, of letters, digits, `-` and `_`"
        found.report(codes.BAD_DATASET, tree.span((*path, "name")), f"`{name[:80]}` is not a dataset", help=help)
        return None
    for token in tokens_in(name):
        if token.kind is not TokenKind.WORKFLOW_ID:
            message = f"`{token.text}` cannot be part of a dataset's name"
            help = "the name may hold `{{workflow_id}}` alone"
            found.report(codes.BAD_DATASET, tree.find((*path, "name"), token.text), message, help=help)
    return reference[1]


def _check_dataset_input(dataset: DatasetFields, path: Path, tree: Tree, found: Diagnostics) -> None:
    tag = _check_name(dataset.name, path, tree, found)
    _check_regex(dataset.regex, (*path, "regex"), tree, found)
    for key in ("path", "metadata", "labels"):
        if key in dataset.model_fields_set:
            help = "to read a part of the dataset use `regex`" if key == "path" else ""
            found.report(codes.IGNORED_KEY, tree.key((*path, key)), f"`{key}` has no effect on an input", help=help)
    if dataset.localpath and tag:
        found.report(
            codes.BAD_DATASET,
            tree.span((*path, "name")),
            "a dataset to be uploaded gets a version of its own",
            help=f"write the name without `:{tag}`",
        )


def _check_dataset_output(dataset: DatasetFields, path: Path, tree: Tree, found: Diagnostics) -> None:
    tag = _check_name(dataset.name, path, tree, found)
    if tag is not None and (tag.isdigit() or tag == "latest"):
        reason = "versions are counted by the system" if tag.isdigit() else "`latest` is the newest version, always"
        found.report(codes.DATASET_TAG, tree.span((*path, "name")), f"`{tag}` cannot be a tag", help=reason)
    _check_regex(dataset.regex, (*path, "regex"), tree, found)
    if "localpath" in dataset.model_fields_set:
        found.report(codes.IGNORED_KEY, tree.key((*path, "localpath")), "`localpath` has no effect on an output")
    if dataset.path:
        _check_inside(dataset.path, (*path, "path"), tree, found)
    _check_lists(dataset, path, tree, found)


def _check_update(
    output: UpdateDatasetOutput, path: Path, datasets: frozenset[str], tree: Tree, found: Diagnostics
) -> None:
    update = output.update_dataset
    if _check_name(update.name, path, tree, found) is not None and update.name.partition(":")[0] not in datasets:
        found.report(
            codes.UPDATE_UNKNOWN,
            tree.span((*path, "name")),
            f"no task of this workflow writes `{update.name}`: a version of it must be there before the run",
        )
    for n, item in enumerate(update.paths):
        for part in item.split(":", 1):
            _check_inside(part, (*path, "paths", n), tree, found)
    _check_lists(update, path, tree, found)


def _check_lists(dataset: DatasetFields | UpdateFields, path: Path, tree: Tree, found: Diagnostics) -> None:
    for key, names in (("metadata", dataset.metadata), ("labels", dataset.labels)):
        for n, name in enumerate(names):
            _check_inside(name, (*path, key, n), tree, found)


def _check_inside(name: str, path: Path, tree: Tree, found: Diagnostics) -> None:
    normal = posixpath.normpath(stand_in(name).replace("\\", "/")) if name else ".."
    if normal.startswith(("/", "../")) or normal == "..":
        inner = normal.removeprefix(f"{OUTPUT_DIRECTORY}/")
        help = f"write `{inner}`" if inner != normal else "the path is relative to the output directory"
        found.report(codes.DATASET_PATH, tree.span(path), f"`{name}` is not below the output directory", help=help)


def _check_checkpoints(task: Task, where: Path, tree: Tree, found: Diagnostics) -> None:
    for n, checkpoint in enumerate(task.checkpoint):
        path: Path = (*where, "checkpoint", n)
        _check_url(checkpoint.url, (*path, "url"), tree, found)
        _check_regex(checkpoint.regex, (*path, "regex"), tree, found)
        normal = posixpath.normpath(stand_in(checkpoint.path)) if checkpoint.path else ""
        if not normal.startswith("/"):
            message = f"`{checkpoint.path[:80]}` is not a whole path"
            found.report(codes.CHECKPOINT_PATH, tree.span((*path, "path")), message, help="begin it with `/`")
        elif not normal.strip("/"):
            message = "the whole file system cannot be a checkpoint"
            found.report(codes.CHECKPOINT_PATH, tree.span((*path, "path")), message)
        if checkpoint.frequency < 1:
            message = f"a checkpoint every {checkpoint.frequency:g} s; the least is one second"
            found.report(codes.BAD_DURATION, tree.span((*path, "frequency")), message)


def _check_use(task: Task, where: Path, written: Written, found: Diagnostics) -> None:
    """Outputs that nothing writes and inputs that nothing reads, as far as the text of the task tells."""
    tree = written.tree
    texts = [*task.command, *task.args, *task.environment.values()]
    texts += [file.contents for file in task.files if file.contents and not file.base64]
    texts += [text for _, text in written.local_texts(where, task)]
    text = "\n".join(texts)
    wrong = _WRONG_DIRECTORY.search(text) if "/osmo/" in text else None
    if wrong:
        _report_wrong_directory(wrong[0], where, task, written, found)
        return
    opaque = any(file.base64 for file in task.files)
    tokens = list(tokens_in(text))
    writes = "/osmo/data/output" in text or any(token.kind is TokenKind.OUTPUT for token in tokens)
    if task.outputs and not (opaque or writes or _puts_files_there(task)):
        found.report(
            codes.UNWRITTEN_OUTPUT,
            tree.key((*where, "outputs")),
            f"task `{task.name}` never mentions its output directory",
            help="what is to be uploaded must be written to `{{output}}`",
        )
    if not opaque and "/osmo/data/input" not in text:
        used = {token.argument.strip() for token in tokens if token.kind is TokenKind.INPUT}
        for n, item in enumerate(task.inputs):
            name = item.task.rpartition(":")[2] if isinstance(item, TaskInput) else ""
            if str(n) not in used and name not in used and not found.leaves_out(codes.UNREAD_INPUT):
                found.report(
                    codes.UNREAD_INPUT,
                    tree.key((*where, "inputs", n)),
                    f"task `{task.name}` never mentions `{{{{input:{n}}}}}`: the download only costs time",
                )


def _puts_files_there(task: Task) -> bool:
    """Files that are put into the output directory are output too."""
    return any(posixpath.normpath(file.path).startswith(("/osmo/data/output/", "{{output}}/")) for file in task.files)


def _report_wrong_directory(text: str, where: Path, task: Task, written: Written, found: Diagnostics) -> None:
    side = text.rpartition("/")[2]
    paths: list[tuple[Path, str]] = [((*where, "command", n), value) for n, value in enumerate(task.command)]
    paths += [((*where, "args", n), value) for n, value in enumerate(task.args)]
    paths += [((*where, "environment", name), value) for name, value in task.environment.items()]
    paths += [((*where, "files", n, "contents"), file.contents or "") for n, file in enumerate(task.files)]
    paths += written.local_texts(where, task)
    path = next(path for path, value in paths if text in value)
    help = f"write `{{{{{side}}}}}`" if side == "output" else "write `{{input:0}}`"
    found.report(
        codes.WRONG_DIRECTORY, written.tree.find(path, text), f"the directory is `/osmo/data/{side}`", help=help
    )
