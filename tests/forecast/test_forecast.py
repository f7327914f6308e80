"""A whole workflow: what it takes, level by level and at most, and how long."""

from collections.abc import Mapping
from typing import Any

import pytest

from osmoc import compile_workflow
from osmoc.diagnostics import Diagnostics
from osmoc.emit.manifests import Manifests
from osmoc.emit.write import json_lines
from osmoc.forecast.data import data
from osmoc.forecast.forecast import GPU, Forecast, forecast
from osmoc.forecast.needs import CPU, MEMORY, PODS
from osmoc.forecast.quota import Quota, Verdict, compare, read_quotas, silent
from osmoc.forecast.text import text
from osmoc.passes.read_profile import read_profile
from osmoc.pipeline import Options
from osmoc.source import Source

FLOW = """\
workflow:
  name: flow
  timeout: {exec_timeout: 1h}
  resources:
    default: {cpu: 1, memory: 1Gi}
    big: {cpu: 8, gpu: 4, memory: 16Gi}
  tasks:
  - {name: first, image: a, command: [x]}
  - name: long
    image: a
    command: [x]
    resource: big
  - name: second
    image: a
    command: [x, "{{input:0}}"]
    resource: big
    inputs: [{task: first}]
    exitActions: {RESCHEDULE: 75}
"""
GROUP = """\
workflow:
  name: pair
  groups:
  - name: both
    tasks:
    - {name: lead, lead: true, image: a, command: [x]}
    - {name: peer, image: a, command: [x]}
"""


def of(flow: str, measured: Mapping[str, float] | None = None, profile: str = "", **options: Any) -> Forecast:
    given = read_profile(Diagnostics(Source("osmoc.yaml", profile))) if profile else None
    result = compile_workflow(flow, given, options=Options(**options))
    assert result.plan is not None
    return forecast(result.plan, result.manifests, measured)


def test_levels_follow_from_what_waits_for_what() -> None:
    levels = of(FLOW).levels
    assert [(level.groups, level.tasks, level.amounts[GPU]) for level in levels] == [
        (("first", "long"), 2, 4000),
        (("second",), 1, 4000),
    ]


def test_the_peak_is_over_levels() -> None:
    """`second` of level 2 may run while `long` of level 1 still does."""
    found = of(FLOW)
    assert (found.peaks[GPU].amount, found.peaks[GPU].groups) == (8000, ("long", "second"))
    assert found.peaks[CPU].amount == 2 * 8100
    assert found.peaks[MEMORY].amount == 2 * (16 * 1024 + 256) * 1024 * 1024 * 1000
    assert found.peaks[PODS].amount == 2000


def test_hours_count_every_attempt() -> None:
    found = of(FLOW)
    assert (found.gpu_hours.whole, found.gpu_hours.first) == (4 + 4 * 4, 8)
    assert (found.critical.groups, found.critical.seconds) == (("first", "second"), 5 * 3600)
    assert found.critical_first.seconds == 2 * 3600


def test_without_a_timeout_nothing_is_guessed() -> None:
    found = of(FLOW.replace("  timeout: {exec_timeout: 1h}\n", ""))
    assert (found.gpu_hours.whole, found.gpu_hours.unbounded) == (None, ("long", "second"))
    assert (found.critical.seconds, found.critical.groups) == (None, ("first", "second"))
    assert found.unbounded == ("first", "long", "second")
    assert "unbounded: `first`, `long`, `second`; `exec_timeout`" in text(found)


def test_no_gpus_take_no_gpu_hours_however_long() -> None:
    assert of(GROUP).gpu_hours.whole == 0


def test_times_of_a_run_go_before_timeouts() -> None:
    found = of(FLOW, {"first": 60.0, "long": 7200.0})
    assert (found.critical.groups, found.critical.seconds) == (("first", "second"), 60 + 4 * 3600)
    assert found.measured == ("first", "long")
    assert "flow-1 has the time of 2 of 3 tasks; timeouts bound the others" in text(found, run="flow-1")


def test_a_group_takes_as_long_as_its_longest_task() -> None:
    assert of(GROUP, {"lead": 10.0, "peer": 20.0}).critical.seconds == 20
    assert of(GROUP, {"lead": 10.0}).critical.seconds is None


@pytest.mark.parametrize("target", ["argo", "jobs"])
def test_the_driver_is_there_all_the_time(target: str) -> None:
    found = of(GROUP, target=target)
    assert found.driver[CPU] == 50
    assert found.peaks[PODS].amount == 3000
    assert "the driver included" in text(found)


@pytest.mark.parametrize("target", ["argo", "jobs"])
def test_sizes_are_those_of_the_objects(target: Any) -> None:
    """Jobs are measured by their forms: as JSON without spaces they are what each of them is."""
    result = compile_workflow(FLOW, options=Options(target=target))
    assert result.plan is not None and isinstance(result.manifests, Manifests)
    found = forecast(result.plan, result.manifests)
    spaced = sum(len(line) for line in json_lines(result.manifests))
    spaces = sum(line.count(", ") + line.count(": ") for line in json_lines(result.manifests))
    # Here the text of users holds a few of these pairs itself: in documents.
    assert spaced - spaces <= found.bytes <= spaced - spaces + 600
    assert sum(kind.count for kind in found.kinds) == len(result.manifests)


def test_templates_and_dag_tasks_are_counted_against_argo() -> None:
    own = of(FLOW).templates
    assert own and (own.count, own.dag_tasks, own.is_inline) == (4, 3, False)
    assert of(FLOW, target="jobs").templates is None
    tasks = "".join(f"  - {{name: t{n}, image: a, command: [x]}}\n" for n in range(201))
    own = of(f"workflow:\n  name: wide\n  tasks:\n{tasks}").templates
    assert own and (own.dag_tasks, own.is_inline) == (201, True)


def test_pools_and_platforms_are_told_apart() -> None:
    profile = """\
default_pool: lab
pools:
  lab:
    default_platform: small
    platforms: {small: {}, large: {}}
"""
    found = of(FLOW.replace("{cpu: 8,", "{platform: large, cpu: 8,"), profile=profile)
    shares = {share.platform: (share.pool, share.tasks, share.peaks[GPU].amount) for share in found.shares}
    assert shares == {"small": ("lab", 1, 0), "large": ("lab", 2, 8000)}
    assert "  lab   large         2     8" in text(found)


def test_data_has_numbers() -> None:
    plain = data(of(FLOW))
    assert plain["peak"]["memory"]["amount"] == 2 * (16 * 1024 + 256) * 1024 * 1024
    assert plain["peak"]["cpu"]["amount"] == 16.2
    assert plain["gpu_hours"] == {"at_most": 20.0, "without_retries": 8.0}


@pytest.mark.parametrize(
    ("hard", "used", "verdict"),
    [
        ({"requests.nvidia.com/gpu": "8"}, {}, Verdict.FITS),
        ({"requests.nvidia.com/gpu": "8"}, {"requests.nvidia.com/gpu": "1"}, Verdict.WAITS),
        ({"requests.nvidia.com/gpu": 4}, {}, Verdict.WAITS),
        ({"requests.nvidia.com/gpu": "3"}, {}, Verdict.NEVER),
        ({"cpu": "100"}, {}, Verdict.FITS),
        ({"count/pods": "1"}, {}, Verdict.WAITS),
        ({"limits.memory": "1Gi"}, {}, Verdict.NEVER),
        ({"configmaps": "1"}, {}, Verdict.FITS),
        ({"configmaps": "10"}, {"configmaps": "10"}, Verdict.NEVER),
        ({"count/workflows.argoproj.io": "0"}, {}, Verdict.NEVER),
    ],
)
def test_a_quota_lets_it_run_makes_it_wait_or_refuses_it(hard: Any, used: Any, verdict: Verdict) -> None:
    quotas = read_quotas([{"kind": "ResourceQuota", "spec": {"hard": hard}, "status": {"used": used}}])
    assert [row.verdict for row in compare(of(FLOW), quotas)] == [verdict]


def test_what_a_run_takes_none_of_is_no_row() -> None:
    assert compare(of(GROUP), [Quota("q", {"requests.nvidia.com/gpu": 0, "persistentvolumeclaims": 0}, {})]) == ()


def test_quotas_are_found_in_lists() -> None:
    one = {"kind": "ResourceQuota", "metadata": {"name": "a"}, "spec": {"hard": {}, "scopes": ["BestEffort"]}}
    found = read_quotas(
        [None, {"kind": "Pod"}, {"kind": "List", "items": [one]}, {"kind": "ResourceQuotaList", "items": [{}]}]
    )
    assert [(quota.name, quota.has_scopes) for quota in found] == [("a", True), ("", False)]


def test_a_quota_with_a_wrong_quantity_is_named() -> None:
    with pytest.raises(ValueError, match="the quota `q`: `lots` is not a quantity"):
        read_quotas([{"kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": {"cpu": "lots"}}}])


def test_pods_that_leave_open_what_a_quota_counts_are_named() -> None:
    quota = Quota("q", {"limits.memory": 1, "pods": 1}, {})
    assert list(silent(of(GROUP), quota)) == [("limits.memory", ("lead", "peer"))]
    assert list(silent(of(FLOW), quota)) == []
