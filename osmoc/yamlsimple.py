"""Plain values straight from the events of a document in which nothing needs a node.

Most files have no anchors, tags or duplicate keys, and no fault of YAML. They are read here in half the time and
memory that nodes take. Any other document is left to `yamlcompose` and `yamlvalues`, which know what to say about it.
"""

from typing import Any

import yaml

from osmoc.diagnostics import Diagnostics
from osmoc.source import Source
from osmoc.yamlcompose import MAX_DEPTH, STRING, has_other_breaks, parse_events, resolve
from osmoc.yamlnodes import MERGE, Kind, Node
from osmoc.yamlvalues import Reader


def read_simple(text: str) -> dict[str, Any] | None:
    """The mapping that `text` holds; None if it holds anything else, or is not simple."""
    found = Diagnostics(Source("", ""))
    try:
        values = None if has_other_breaks(text) else _read(text, Reader(found, len(text)))
    except (_NotSimpleError, yaml.YAMLError):
        return None
    return None if found.failed else values


class _NotSimpleError(Exception):
    pass


def _read(text: str, reader: Reader) -> dict[str, Any] | None:
    documents: list[Any] = []
    parents: list[Any] = []
    parent: Any = documents
    key: str | None = None
    scalar = yaml.ScalarEvent
    for event in parse_events(text):
        kind = type(event)
        if kind is scalar:
            value = event.value
            if event.anchor or event.tag or "\0" in value:
                raise _NotSimpleError
            if event.implicit[0] and resolve(value) != STRING:
                value = _not_text(event, reader)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            value = _collection(event, len(parents))
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            parent = parents.pop()
            continue
        elif kind is yaml.AliasEvent:
            raise _NotSimpleError
        else:
            continue
        if type(parent) is list:
            parent.append(value)
        elif key is not None:
            parent[key] = value
            key = None
        elif type(value) is str and value not in parent:
            key = value
        else:
            raise _NotSimpleError
        if kind is not scalar:
            parents.append(parent)
            parent = value
    return documents[0] if len(documents) == 1 and type(documents[0]) is dict else None


def _collection(event: Any, depth: int) -> Any:
    if event.anchor or event.tag or depth >= MAX_DEPTH:
        raise _NotSimpleError
    return {} if type(event) is yaml.MappingStartEvent else []


def _not_text(event: Any, reader: Reader) -> Any:
    tag = resolve(event.value)
    if tag == MERGE:
        raise _NotSimpleError
    return reader.of(Node(Kind.SCALAR, event.value, tag, event))
