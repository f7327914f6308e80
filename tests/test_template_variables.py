"""OSMO's variables: from what a task asks for, else from the defaults; and in each form that OSMO has."""

import re
from typing import Any

import pytest

from osmoc.plan import Mark
from osmoc.spec import Resource
from osmoc.template_variables import NAMES, Name, amounts_of, fault_of, variables_of


def variables(defaults: dict[str, Any], **asked: Any) -> dict[str, Any]:
    resource = Resource.model_validate(asked)
    return variables_of(resource, amounts_of(resource, defaults), defaults)


def test_processors_of_a_task_are_a_float_and_gpus_are_not() -> None:
    """As OSMO writes them into manifests: `4.0` and `2`. Defaults are written as they stand."""
    assert variables({}, cpu=4, gpu=2)["USER_CPU"] == 4.0
    assert str(variables({}, cpu=4, gpu=2)["USER_GPU"]) == "2"
    found = variables({"USER_CPU": "500m", "USER_GPU": 1})
    assert (found["USER_CPU"], found["USER_GPU"]) == ("500m", 1)


@pytest.mark.parametrize("source", ["asked", "default"])
def test_sizes_come_in_every_unit(source: str) -> None:
    """Exactly, however large; also where they come from a default, for which OSMO has none of these forms."""
    found = variables({}, memory="16Gi") if source == "asked" else variables({"USER_MEMORY": "16G"})
    assert {name: value for name, value in found.items() if name.startswith("USER_MEMORY")} == {
        "USER_MEMORY": "16Gi",
        "USER_MEMORY_VAL": "16",
        "USER_MEMORY_UNIT": "Gi",
        "USER_MEMORY_Ti": "0.015625",
        "USER_MEMORY_Gi": "16",
        "USER_MEMORY_Mi": "16384",
        "USER_MEMORY_Ki": "16777216",
        "USER_MEMORY_B": "17179869184",
        "USER_MEMORY_m": "17179869184000",
    }


def test_cache_is_ninety_percent_of_the_storage_unless_the_pool_says_otherwise() -> None:
    """In whole MiB; there is none without storage."""
    assert variables({}, storage="10Gi")["USER_CACHE"] == "9216Mi"
    assert variables({"USER_CACHE": "1Gi"}, storage="10Gi")["USER_CACHE"] == "1Gi"
    assert "USER_CACHE" not in variables({})


def test_excluded_nodes_are_an_array() -> None:
    """Which a template turns into a list."""
    assert variables({}, nodesExcluded=["a", "b"])["USER_EXCLUDED_NODES"] == "ARRAY:[a,b]"


def test_what_is_not_said_has_no_value() -> None:
    """And is not the word None, as in OSMO."""
    found = variables({"USER_MEMORY": None, "USER_STORAGE": 0, "USER_CPU": 0})
    assert not [name for name in ("USER_GPU", "USER_MEMORY_Gi", "USER_STORAGE_Gi") if name in found]


def test_names_of_tasks_are_marks() -> None:
    """What differs from task to task is put in later."""
    found = variables({"WF_ID": "not mine to set", "TEAM": "a"})
    assert isinstance(found["WF_ID"], Name) and found["WF_ID"] == Mark.WORKFLOW.value
    assert found["WF_TASK_NAME"] == found["WF_TASK_UUID"] == Mark.TASK.value
    assert (found["WF_RETRY_ID"], found["TEAM"]) == ("0", "a")


def test_every_variable_has_a_known_name() -> None:
    """A name that is not known would be a mistake where a template tests it."""
    assert {name for name in variables({}, cpu=1, gpu=1, memory="1Gi", storage="1Gi")} <= NAMES
    assert all(re.fullmatch("(USER|WF|K8)_[A-Za-z_]+", name) for name in NAMES)


@pytest.mark.parametrize(
    ("value", "cpu"), [(2, 2), ("2", 2), (0.5, 1), ("500m", 1), ("1500m", 2), (2.0, 2), (0, None), (None, None)]
)
def test_processors_are_whole_ones(value: Any, cpu: int | None) -> None:
    """Rounded up: a task gets what it needs."""
    assert amounts_of(Resource(), {"USER_CPU": value}).cpu == cpu


def test_faults_are_of_amounts_only() -> None:
    """Any other variable may hold anything."""
    assert fault_of("TEAM", "lots") == fault_of("USER_CACHE", "lots") == fault_of("USER_MEMORY", "1Gi") == ""
    assert fault_of("USER_GPU", "lots") == "`lots` is not a number of GPUs"
    assert fault_of("USER_MEMORY", "-1Gi") == "`-1Gi` is negative"
