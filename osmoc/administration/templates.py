"""Pod templates and resource validations: kept as they are."""

from collections.abc import Collection, Iterator
from typing import Any

from osmoc import pod_templates
from osmoc.administration.credentials import hide_values, secret_name
from osmoc.administration.fields import Fields
from osmoc.administration.remarks import Kind
from osmoc.diagnostics import listed
from osmoc.template_variables import NAMES, NEVER_SET


def convert_template(name: str, fields: Fields, defaults: Collection[str]) -> dict[str, Any]:
    """`defaults` are the variables that some pool or platform gives a value."""
    template = {key: fields.take(key) for key in fields.unread()}
    template = hide_values(template, fields, secret_name("osmo-template", name))
    _check_variables(_used(template), fields, defaults)
    return template


def convert_validation(fields: Fields, defaults: Collection[str]) -> dict[str, str]:
    rule = {key: fields.text(key) for key in ("operator", "left_operand", "right_operand", "assert_message")}
    fields.end()
    _check_variables(_used([rule["left_operand"], rule["right_operand"]]), fields, defaults)
    return rule


def looks_at_nodes(rules: list[Any]) -> bool:
    operands = [rule.get(key) for rule in rules for key in ("left_operand", "right_operand") if isinstance(rule, dict)]
    return any(variable.startswith("K8_") for variable in _used(operands))


def _used(value: Any) -> frozenset[str]:
    return frozenset(variable for text in _texts(value) for variable in pod_templates.variables_in(text))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _check_variables(used: Collection[str], fields: Fields, defaults: Collection[str]) -> None:
    strange = sorted(name for name in used if (name not in NAMES or name in NEVER_SET) and name not in defaults)
    if strange:
        message = (
            f"give a value in `common_default_variables` of the pool to {listed(strange)}, which osmoc has none for"
        )
        fields.remarks.make(Kind.TO_DO, fields.where, message)
