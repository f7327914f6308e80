"""Which pool a workflow runs in, with which priority and timeouts, and what the profile forbids of it as a whole."""

from typing import Any, Final

import pytest
from profiles import compile_with, errors, helps, needs, told, workflow

POOLS: Final = "pools:\n  main: {}\n  research: {}\n"


def pool_of(profile: str, text: str, **options: Any) -> str:
    result = compile_with(profile, text, **options)
    assert result.plan, told(result.findings)
    return next(iter(result.plan.groups.values())).lead.shape.placement.pool


@pytest.mark.parametrize(
    ("default", "written", "option", "expected"),
    [
        ("main", "", "", "main"),
        ("main", "research", "", "research"),
        ("main", "main", "research", "research"),
        ("", "", "research", "research"),
    ],
)
def test_pool_is_that_of_the_option_else_of_the_file_else_of_the_profile(
    default: str, written: str, option: str, expected: str
) -> None:
    """What is said last and nearest counts."""
    profile = POOLS + (f"default_pool: {default}\n" if default else "")
    text = workflow(more=f"  pool: {written}\n" if written else "")
    assert pool_of(profile, text, pool=option) == expected


def test_unknown_pool_is_an_error_where_it_is_named() -> None:
    """In a closed world a pool must stand in the profile; the help says where to add it."""
    result = compile_with(POOLS, workflow(more="  pool: reserch\n"))
    assert errors(result) == [("E703", 3, "the profile has no pool `reserch`")]
    assert helps(result) == ["did you mean `research`? add it to `pools` of the profile; pools: `main`, `research`"]
    result = compile_with(POOLS, workflow(more="  pool: main\n"), pool="gpus")
    assert errors(result) == [("E703", 0, "the profile has no pool `gpus`")]


def test_no_pool_is_an_error_where_the_profile_has_some() -> None:
    """None of them is chosen by chance."""
    result = compile_with(POOLS, workflow())
    assert errors(result) == [("E703", 0, "no pool is chosen")]
    assert helps(result) == ["give one with --pool, or `default_pool` in the profile; pools: `main`, `research`"]


def test_a_profile_without_pools_needs_none() -> None:
    """A profile may say no more than where data lies."""
    assert pool_of("target: jobs", workflow()) == ""
    assert errors(compile_with("target: jobs", workflow(), pool="a")) == [("E703", 0, "the profile has no pool `a`")]
    assert helps(compile_with("target: jobs", workflow(), pool="a")) == ["add it to `pools` of the profile"]


def test_what_follows_from_an_unknown_pool_is_not_reported() -> None:
    """One mistake is one finding: a pool that is not there has no platforms, topology or mounts either."""
    text = workflow(
        "privileged: true, volumeMounts: [/mnt]",
        "  pool: a\n  resources: {default: {platform: h100, topology: [{key: rack}]}}\n",
    )
    assert [code for code, _, _ in errors(compile_with(POOLS, text))] == ["E703"]


def test_open_world_takes_any_pool_that_can_be_a_label() -> None:
    """The name becomes a label of pods, whoever checks it."""
    assert pool_of("", workflow(), pool="anything") == "anything"
    assert errors(compile_with("", workflow(), pool="a b")) == [("E507", 0, "`a b` cannot be the name of a pool")]


def test_pool_in_maintenance_takes_nothing() -> None:
    """OSMO lets administrators in; here nobody is one."""
    result = compile_with("pools: {main: {enable_maintenance: true}}", workflow(more="  pool: main\n"))
    assert errors(result) == [("E712", 3, "the pool `main` is in maintenance")]


def test_priority_is_a_class_of_the_profile() -> None:
    """NORMAL is what a pod has anyway, so it needs no class."""
    profile = "priorities: {HIGH: urgent}"
    for priority, expected in (("HIGH", "urgent"), ("NORMAL", ""), ("", "")):
        result = compile_with(profile, workflow(), priority=priority)
        assert result.plan and result.plan.priority_class == expected
    result = compile_with(profile, workflow(), priority="LOW")
    assert errors(result) == [("E713", 0, "the profile has no priority LOW")]
    assert helps(result) == ["add `priorities: {LOW: <PriorityClass>}` to the profile"]


def test_open_world_takes_the_classes_of_osmo() -> None:
    """And says that the cluster must have them."""
    result = compile_with("", workflow(), priority="NORMAL")
    assert result.plan and result.plan.priority_class == "osmo-normal"
    assert needs(result) == {("PriorityClass", "osmo-normal"): "--priority NORMAL"}


def queue_timeout(pool: str, more: str, timeout: str) -> tuple[float | None, list[str]]:
    """What counts, and the warnings."""
    text = workflow(more=f"  timeout: {{{timeout}}}\n" if timeout else "")
    result = compile_with(f"default_pool: a\npools: {{a: {{{pool}}}}}\n{more}", text)
    assert result.plan, told(result.findings)
    group = next(iter(result.plan.groups.values()))
    warnings = [f"{one.code.id} {one.message}" for one in result.findings if one.code.id[0] == "W"]
    return group.queue_timeout, warnings


@pytest.mark.parametrize(
    ("pool", "more", "asked", "expected"),
    [
        ("", "", "", None),
        ("", "timeouts: {default_queue: 1h}", "", 3600),
        ("default_queue_timeout: 2h", "timeouts: {default_queue: 1h}", "", 7200),
        ("default_queue_timeout: 2h", "", "queue_timeout: 3h", 10800),
        ("max_queue_timeout: 1h", "timeouts: {max_queue: 9h}", "queue_timeout: 1h", 3600),
        ("default_queue_timeout: 2h, max_queue_timeout: 1h", "", "", 3600),
        ("max_queue_timeout: 1h", "", "", 3600),
        ("", "timeouts: {max_queue: 30m}", "", 1800),
    ],
)
def test_timeout_is_asked_for_else_the_pools_else_the_profiles(
    pool: str, more: str, asked: str, expected: float | None
) -> None:
    """And never more than the limit of the pool, or else of the profile; a limit alone is a default too."""
    assert queue_timeout(pool, more, asked) == (expected, [])


@pytest.mark.parametrize(
    ("asked", "limit", "message"),
    [
        ("90d", "30d", "90d is above the limit of 30d, which counts"),
        ("100m", "1h", "100m is above the limit of 1h, which counts"),
        ("1.5", "1", "1.5s is above the limit of 1s, which counts"),
    ],
)
def test_timeout_above_the_limit_is_cut_with_a_warning(asked: str, limit: str, message: str) -> None:
    """OSMO cuts in silence. The durations are shown as one would write them, not as 2.592e+06 s."""
    _, warnings = queue_timeout(f"max_queue_timeout: {limit}", "", f"queue_timeout: {asked}")
    assert warnings == [f"W422 {message}"]


def test_number_of_tasks_has_a_limit_where_the_profile_sets_one() -> None:
    """As OSMO's service has; 0 is none."""
    text = "workflow:\n  name: flow\n  tasks:\n" + "".join(
        f"  - {{name: t{n}, image: python, command: [python]}}\n" for n in range(3)
    )
    assert errors(compile_with("max_tasks: 2", text)) == [("E714", 0, "3 tasks; the profile allows 2 (`max_tasks`)")]
    assert errors(compile_with("max_tasks: 3", text)) == []
    assert errors(compile_with("max_tasks: 0", text)) == []


POLICY: Final = "labels: {team: {allow_list: [a, b], assert_message: ask the platform team}, cost: {}}"


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("team: a, cost: x", []),
        ("team: c, cost: x", [("E715", 3, "the profile wants the label `team`, with one of `a`, `b`")]),
        ("cost: x", [("E715", 0, "the profile wants the label `team`, with one of `a`, `b`")]),
        ("team: b", [("E715", 0, "the profile wants the label `cost`, with any value")]),
    ],
)
def test_enforced_labels_must_be_there_with_a_value_of_the_list(labels: str, expected: list[Any]) -> None:
    """A label that is missing breaks a policy as one with a wrong value does."""
    result = compile_with(POLICY, workflow(more=f"  labels: {{{labels}}}\n"))
    assert errors(result) == expected
    assert helps(result)[:1] in ([], ["ask the platform team"], [""])


@pytest.mark.parametrize(("mode", "expected"), [("off", []), ("warn", ["W720"])])
def test_other_policies_let_everything_pass(mode: str, expected: list[str]) -> None:
    """A policy that is being introduced stops nobody."""
    result = compile_with(f"labels: {{team: {{mode: '{mode}', allow_list: [a]}}}}", workflow())
    assert errors(result) == []
    assert [one.code.id for one in result.findings if one.code.id != "N730"] == expected


def test_labels_beside_the_file_count() -> None:
    """What `--label` gives is a label of the workflow."""
    text = workflow(more="  labels: {team: c}\n")
    assert errors(compile_with(POLICY, text, labels={"team": "a", "cost": "x"})) == []
    result = compile_with(POLICY, text, labels={"team": "d", "cost": "x"})
    assert errors(result) == [("E715", 0, "the profile wants the label `team`, with one of `a`, `b`")]


def test_label_prefix_stands_before_every_label_of_a_workflow() -> None:
    """Policies know a label by the key that the workflow gives it."""
    profile = f"label_prefix: example.com/\n{POLICY}"
    text = workflow(more="  labels: {team: a}\n")
    result = compile_with(profile, text, labels={"cost": "x"})
    for manifest in result.manifests:
        labels = manifest["metadata"]["labels"]
        assert labels["example.com/team"] == "a" and labels["example.com/cost"] == "x"
        assert not {"team", "cost"} & labels.keys() and "osmo.workflow_id" in labels
    message = "`example.com/a/b` cannot be the key of a label; the profile puts `example.com/` before it"
    text = workflow(more="  labels:\n    a/b: c\n")
    assert errors(compile_with("label_prefix: example.com/", text)) == [("E609", 4, message)]
