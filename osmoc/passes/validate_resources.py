"""The rules that a pool sets on resources, such as `{{USER_GPU}}` LE 8.

Rules about nodes (`K8_…`) must hold on one node of the platform at least; they are skipped where the profile does
not say what its nodes offer. A variable that is not set makes its rule void.
"""

import operator
import re
from collections.abc import Mapping
from typing import Any, Final

from osmoc import codes, pod_templates
from osmoc.diagnostics import Diagnostics
from osmoc.passes.choose_pool import Cluster
from osmoc.profile import NodeOffer, Platform, Validation
from osmoc.yamltree import Path, Tree

_OPERATORS: Final = {
    "GT": operator.gt,
    "GE": operator.ge,
    "LT": operator.lt,
    "LE": operator.le,
    "EQ": operator.eq,
    "NE": operator.ne,
}
_UNITS: Final = {"": 1.0, "B": 1.0, "m": 0.001} | {
    prefix + suffix: float(1 << shift)
    for prefix, shift in (("K", 10), ("M", 20), ("G", 30), ("T", 40))
    for suffix in ("", "i", "iB")
}
_SIZED: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z]+)")
_NODE: Final = re.compile(r"\s*\{\{-?\s*K8_")


def validate_resources(
    variables: Mapping[str, Any], platform: Platform, cluster: Cluster, path: Path, tree: Tree, found: Diagnostics
) -> None:
    for name in (*cluster.pool.common_resource_validations, *platform.resource_validations):
        for rule in cluster.profile.resource_validations[name]:
            try:
                holds = _holds(rule, variables, platform)
            except ValueError as error:
                found.report(codes.VALIDATION, tree.key(path), f"the validation `{name}` cannot be evaluated: {error}")
                continue
            if not holds:
                message = _message(rule, variables)
                found.report(codes.VALIDATION, tree.key(path), message, help=f"it is the rule `{name}` of the profile")


def _holds(rule: Validation, variables: Mapping[str, Any], platform: Platform) -> bool:
    if not (_NODE.match(rule.left_operand) or _NODE.match(rule.right_operand)):
        return _compare(rule, variables)
    if not platform.nodes:
        return True
    return any(_compare(rule, {**variables, **_offer(node)}) for node in platform.nodes)


def _offer(node: NodeOffer) -> dict[str, Any]:
    sizes = {"K8_MEMORY": node.memory, "K8_STORAGE": node.storage}
    return {"K8_CPU": node.cpu, "K8_GPU": node.gpu} | {name: size.quantity for name, size in sizes.items() if size}


def _compare(rule: Validation, variables: Mapping[str, Any]) -> bool:
    try:
        left, right = (str(pod_templates.render(text, variables)) for text in (rule.left_operand, rule.right_operand))
    except ValueError as error:
        if "undefined" in str(error):
            return True
        raise
    numbers = _number(left), _number(right)
    if None not in numbers:
        return bool(_OPERATORS[rule.operator](*numbers))
    if rule.operator in ("EQ", "NE"):
        return bool(_OPERATORS[rule.operator](left, right))
    raise ValueError(f"`{left}` and `{right}` have no order")


def _number(text: str) -> float | None:
    text = text.strip()
    if match := _SIZED.fullmatch(text):
        return float(match[1]) * _UNITS[match[2]] if match[2] in _UNITS else None
    try:
        return float(text)
    except ValueError:
        return None


def _message(rule: Validation, variables: Mapping[str, Any]) -> str:
    try:
        return str(pod_templates.render(rule.assert_message, variables))
    except ValueError:
        return rule.assert_message
