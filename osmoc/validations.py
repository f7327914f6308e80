"""The rules that a pool sets on resources, such as `{{USER_GPU}}` LE 8.

Rules about nodes (`K8_…`) must hold on one node of the platform at least; they are skipped where the profile does
not say what its nodes offer. A variable that is not set makes its rule void; one that OSMO does not have, or that the
profile does not define, is a mistake in the rule.
"""

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from osmoc import codes, pod_templates
from osmoc.decisions import Cluster
from osmoc.diagnostics import Diagnostics
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
# In Ki, as OSMO compares sizes: a number without a unit beside a size counts Ki too.
_UNITS: Final = {"B": 1 / 1024, "m": 0.001 / 1024} | {
    prefix + suffix: float(1 << shift)
    for prefix, shift in (("K", 0), ("M", 10), ("G", 20), ("T", 30))
    for suffix in ("", "i", "iB")
}
_SIZED: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z]+)")
_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


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
                message = _message(rule, variables, platform)
                found.report(codes.VALIDATION, tree.key(path), message, help=f"it is the rule `{name}` of the profile")


def _holds(rule: Validation, variables: Mapping[str, Any], platform: Platform) -> bool:
    used = pod_templates.variables_in(rule.left_operand) | pod_templates.variables_in(rule.right_operand)
    if not any(name.startswith("K8_") for name in used):
        return _compare(rule, variables)
    if not platform.nodes:
        return True
    return any(_compare(rule, {**variables, **_offer(node)}) for node in platform.nodes)


def _offer(node: NodeOffer) -> dict[str, Any]:
    sizes = {"K8_MEMORY": node.memory, "K8_STORAGE": node.storage}
    processors = {} if node.cpu is None else {"K8_CPU": node.cpu}
    return {"K8_GPU": node.gpu, **processors} | {name: size.quantity for name, size in sizes.items() if size}


def _compare(rule: Validation, variables: Mapping[str, Any]) -> bool:
    try:
        left, right = (str(pod_templates.render(text, variables)) for text in (rule.left_operand, rule.right_operand))
    except pod_templates.Unset:
        return True
    compare: Callable[[Any, Any], bool] = _OPERATORS[rule.operator]
    amounts = _number(left), _number(right)
    if None not in amounts:
        return compare(*amounts)
    if amounts == (None, None) or rule.operator in ("EQ", "NE"):
        return compare(left, right)
    raise ValueError(f"`{left}` and `{right}` have no order")


def _number(text: str) -> float | None:
    text = text.strip()
    if match := _SIZED.fullmatch(text):
        return float(match[1]) * _UNITS[match[2]] if match[2] in _UNITS else None
    return float(text) if _NUMBER.fullmatch(text) else None


def _message(rule: Validation, variables: Mapping[str, Any], platform: Platform) -> str:
    offer = _offer(platform.nodes[0]) if platform.nodes else {}
    try:
        return str(pod_templates.render(rule.assert_message, {**variables, **offer}))
    except ValueError:
        return rule.assert_message
