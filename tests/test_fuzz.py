"""Bad input gives findings: never a traceback, never another result the second time, never a place that is not there.

The same inputs in every run; `bench/fuzz.py` draws others, for as long as it is told to.
"""

import pytest
from fuzzing.mutations import CORPUS
from fuzzing.targets import targets
from hypothesis import HealthCheck, given, settings

_TARGETS = targets()
# Inputs are large: generating them is most of the time.
_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


@pytest.mark.parametrize("name", sorted({*_TARGETS, "files"}))
def test_promises_are_kept(name: str) -> None:
    if name not in _TARGETS:
        pytest.skip(f"{CORPUS} is not beside this checkout")
    target = _TARGETS[name]

    @settings(max_examples=target.examples, derandomize=True, database=None, deadline=None, suppress_health_check=_SLOW)
    @given(target.inputs)
    def check(value: object) -> None:
        target.check(value)

    check()
