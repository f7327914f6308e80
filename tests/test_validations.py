"""The rules of a pool on resources: what they compare, when they are void, and what a broken one says."""

from typing import Final

import pytest
from profiles import compile_with, errors, helps, workflow

PROFILE: Final = """default_pool: main
pools:
  main:
    default_platform: gpu
    common_resource_validations: [rules]
    platforms:
      gpu: {nodes: %s}
resource_validations:
  rules:
  - {operator: %s, left_operand: "%s", right_operand: "%s", assert_message: "%s"}
"""
TWO_NODES: Final = "[{cpu: 8, gpu: 1, memory: 32Gi, storage: 1Ti}, {cpu: 64, memory: 256Gi}]"


def refusals(rule: tuple[str, str, str], resource: str, nodes: str = "[]", message: str = "no") -> list[str]:
    operator, left, right = rule
    text = workflow(more=f"  resources: {{default: {{{resource}}}}}\n")
    result = compile_with(PROFILE % (nodes, operator, left, right, message), text)
    assert all(code == "E710" and line == 3 for code, line, _ in errors(result))
    return [text for _, _, text in errors(result)]


@pytest.mark.parametrize(
    ("rule", "resource", "holds"),
    [
        (("LE", "{{USER_GPU}}", "8"), "gpu: 8", True),
        (("LE", "{{USER_GPU}}", "8"), "gpu: 9", False),
        (("LT", "{{USER_CPU}}", "4.5"), "cpu: 4", True),
        (("GT", "{{USER_CPU}}", "10"), "cpu: 9", False),
        (("GE", "{{USER_MEMORY}}", "2Gi"), "memory: 2048Mi", True),
        (("EQ", "{{USER_MEMORY}}", "1Gi"), "memory: 1048576Ki", True),
        (("LT", "{{USER_STORAGE}}", "1Ti"), "storage: 1000Gi", True),
        (("LT", "{{USER_STORAGE}}", "1TiB"), "storage: 1024Gi", False),
        (("NE", "{{USER_MEMORY}}", "1Gi"), "memory: 1Gi", False),
        (("GT", "{{USER_MEMORY}}", "0"), "memory: 1Mi", True),
        (("LE", "{{USER_MEMORY}}", "1024"), "memory: 1Mi", True),
        (("LE", "{{USER_MEMORY}}", "1024"), "memory: 2Mi", False),
        (("EQ", "{{WF_PLATFORM}}", "gpu"), "", True),
        (("NE", "{{WF_PLATFORM}}", "gpu"), "", False),
        (("EQ", "{{WF_PLATFORM}}", "8"), "", False),
        (("LT", "{{WF_PLATFORM}}", "h100"), "", True),
        (("EQ", "{% if USER_GPU %}{{USER_CPU}}{% else %}4{% endif %}", "4"), "cpu: 64", True),
    ],
)
def test_operands_are_compared_as_sizes_numbers_or_text(rule: tuple[str, str, str], resource: str, holds: bool) -> None:
    """Sizes whatever their unit; a bare number beside one counts Ki, as in OSMO; all else as text."""
    assert refusals(rule, resource) == ([] if holds else ["no"])


def test_message_is_the_rules_own_with_the_values_in_it() -> None:
    """The administrator wrote it for those who read it here; the help names the rule."""
    rule = ("LE", "{{USER_GPU}}", "8")
    assert refusals(rule, "gpu: 16", message="{{USER_GPU}} GPUs are too many") == ["16 GPUs are too many"]
    assert refusals(rule, "gpu: 16", message="{{NOBODY}} knows") == ["{{NOBODY}} knows"]
    text = workflow(more="  resources: {default: {gpu: 16}}\n")
    assert helps(compile_with(PROFILE % ("[]", *rule, "no"), text)) == ["it is the rule `rules` of the profile"]


@pytest.mark.parametrize("operand", ["{{USER_GPU}}", "{{USER_MEMORY}}", "{{USER_MEMORY_Gi}}", "{{WF_SUBMITTED_BY}}"])
def test_rule_about_something_unset_is_void(operand: str) -> None:
    """What was not asked for cannot be too much. OSMO compares the word None."""
    assert refusals(("LE", operand, "0"), "cpu: 1") == []


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (("LE", "{{USER_GPUS}}", "8"), "'USER_GPUS' is undefined"),
        (("LE", "{{USER_CPU", "8"), "unexpected end of template"),
        (("LE", "{{USER_CPU / 0}}", "8"), "float division by zero"),
        (("LE", "{{WF_PLATFORM}}", "8"), "`gpu` and `8` have no order"),
    ],
)
def test_broken_rule_refuses_and_says_why(rule: tuple[str, str, str], reason: str) -> None:
    """A rule with a slip in it would otherwise allow everything."""
    (message,) = refusals(rule, "cpu: 1")
    assert message.startswith("the validation `rules` cannot be evaluated: ") and reason in message


@pytest.mark.parametrize(
    ("rule", "resource", "holds"),
    [
        (("LE", "{{USER_CPU}}", "{{K8_CPU}}"), "cpu: 64", True),
        (("LE", "{{USER_CPU}}", "{{K8_CPU}}"), "cpu: 65", False),
        (("LE", "{{USER_GPU}}", "{{K8_GPU}}"), "gpu: 1", True),
        (("LE", "{{USER_GPU}}", "{{K8_GPU}}"), "gpu: 2", False),
        (("GE", "{{K8_MEMORY}}", "{{USER_MEMORY}}"), "memory: 256Gi", True),
        (("GE", "{{K8_MEMORY}}", "{{USER_MEMORY}}"), "memory: 257Gi", False),
        (("LE", "{{USER_STORAGE}}", "{{K8_STORAGE}}"), "storage: 9Ti", True),
        (("LE", "{{USER_CPU}}", "{{[K8_CPU, 32]|min}}"), "cpu: 33", False),
    ],
)
def test_rule_about_nodes_must_hold_on_one_of_them(rule: tuple[str, str, str], resource: str, holds: bool) -> None:
    """A task needs one node. What is not said of a node is not known of it, but GPUs: it has none then."""
    assert refusals(rule, resource, TWO_NODES) == ([] if holds else ["no"])


def test_rule_about_nodes_is_skipped_where_they_are_not_described() -> None:
    """osmoc does not see the cluster; OSMO does."""
    assert refusals(("LE", "{{USER_CPU}}", "{{K8_CPU}}"), "cpu: 1000") == []
    assert refusals(("LE", "{{USER_CPU}}", "{{K8_CPU}}"), "cpu: 1000", "[{gpu: 8}]") == []


def test_message_may_name_what_nodes_have() -> None:
    """Of the first node, for there must be one that is named."""
    rule = ("LE", "{{USER_CPU}}", "{{K8_CPU}}")
    assert refusals(rule, "cpu: 65", TWO_NODES, "a node has {{K8_CPU}}") == ["a node has 8"]


def test_rules_of_the_platform_come_after_those_of_the_pool() -> None:
    """Both must hold, and each is reported."""
    profile = """default_pool: main
pools:
  main:
    default_platform: gpu
    common_resource_validations: [some]
    platforms: {gpu: {resource_validations: [more]}}
resource_validations:
  some: [{operator: LE, left_operand: "{{USER_GPU}}", right_operand: "8", assert_message: at most 8}]
  more: [{operator: GE, left_operand: "{{USER_CPU}}", right_operand: "2", assert_message: at least 2}]
"""
    result = compile_with(profile, workflow(more="  resources: {default: {gpu: 9, cpu: 1}}\n"))
    assert sorted(text for _, _, text in errors(result)) == ["at least 2", "at most 8"]


def test_open_world_has_no_rules() -> None:
    """Without a profile nothing is refused that a cluster might have."""
    assert errors(compile_with("", workflow(more="  resources: {default: {gpu: 1000}}\n"))) == []
