"""Labels of the workflow and of `--label`: their form, and those that are not the user's to set."""

from osmoc import codes
from osmoc.diagnostics import Diagnostics
from osmoc.names import LABEL_KEY, LABEL_VALUE, is_owned_label
from osmoc.source import Span
from osmoc.tokens import tokens_in
from osmoc.written import Written


def check_labels(written: Written, found: Diagnostics) -> None:
    labels, given, tree = written.workflow.labels, written.labels, written.tree
    for key, value in labels.items():
        if any(tokens_in(key + value)):
            continue  # a token outside a task, which is a finding of its own
        path = ("workflow", "labels", key)
        _check(key, value, tree.key(path), tree.span(path), found)
    for key, value in given.items():
        _check(key, value, None, None, found)
    if len({**labels, **given}) > 16 >= len(labels):
        found.add(codes.BAD_LABEL, None, "more than 16 labels with those of --label")


def _check(key: str, value: str, at_key: Span | None, at_value: Span | None, found: Diagnostics) -> None:
    origin = "" if at_key else f" (--label {key}={value})"
    if not LABEL_KEY.fullmatch(key):
        help = "an optional prefix and `/`, then letters, digits, `-`, `_`, `.`, at most 63"
        found.report(codes.BAD_LABEL, at_key, f"`{key[:80]}` cannot be the key of a label{origin}", help=help)
    elif is_owned_label(key):
        found.report(codes.SYSTEM_LABEL, at_key, f"the label `{key}` belongs to the system{origin}")
    elif key.partition("/")[0].endswith(("kubernetes.io", "k8s.io")) and "/" in key:
        found.report(codes.KUBERNETES_LABEL, at_key, f"the prefix of `{key}` is kept for Kubernetes itself{origin}")
    if not value:
        found.report(codes.BAD_LABEL, at_key, f"the label `{key}` has no value{origin}")
    elif not LABEL_VALUE.fullmatch(value):
        help = "letters, digits, `-`, `_`, `.`, at most 63"
        found.report(codes.BAD_LABEL, at_value, f"`{value[:80]}` cannot be the value of a label{origin}", help=help)
