"""What every check here is given: parsed manifests, and how a finding names one of them."""

from collections.abc import Iterator
from typing import Any

Manifest = dict[str, Any]


def title(manifest: Manifest) -> str:
    """`Job/train-lead`: how findings name an object."""
    return f"{manifest.get('kind')}/{manifest.get('metadata', {}).get('name')}"


def of_kind(objects: list[Manifest], kind: str) -> Iterator[Manifest]:
    return (manifest for manifest in objects if manifest.get("kind") == kind)


def prefixed(prefix: str, findings: Iterator[str] | list[str]) -> list[str]:
    return [f"{prefix}: {finding}" for finding in findings]
