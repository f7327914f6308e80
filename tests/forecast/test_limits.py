"""`--fail-over`: every measure, and what is said of a wrong expression."""

import pytest

from osmoc import compile_workflow
from osmoc.forecast.forecast import Forecast, forecast
from osmoc.forecast.limits import MEASURES, excess, parse_limit

FLOW = """\
workflow:
  name: flow
  timeout: {exec_timeout: 1h}
  resources: {default: {cpu: 4, gpu: 2, memory: 8Gi}}
  tasks:
  - {name: a, image: i, command: [x]}
  - {name: b, image: i, command: [x]}
"""


def of(flow: str) -> Forecast:
    result = compile_workflow(flow)
    assert result.plan is not None
    return forecast(result.plan, result.manifests)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gpu_hours>3.9", "gpu_hours comes to 4"),
        ("cpu_hours>8", "cpu_hours comes to 8.2"),
        ("gpus>3", "gpus comes to 4"),
        ("gpus>=4", "gpus comes to 4"),
        ("cpu>8199m", "cpu comes to 8.2"),
        ("memory>16Gi", "memory comes to 16.5Gi"),
        ("tasks>1", "tasks comes to 2"),
        ("groups > 1", "groups comes to 2"),
        ("bytes>1Ki", "bytes comes to "),
        ("templates>1", "templates comes to 2"),
        ("critical_path>59m59s", "critical_path comes to 1h"),
    ],
)
def test_every_measure_has_a_limit(text: str, said: str) -> None:
    assert excess(parse_limit(text), of(FLOW)).startswith(said)


def test_the_table_above_has_every_measure() -> None:
    marks = test_every_measure_has_a_limit.pytestmark  # type: ignore[attr-defined]
    assert {text.split(">")[0].strip() for text, _ in marks[0].args[1]} == MEASURES.keys()


@pytest.mark.parametrize(
    "text", ["gpu_hours>4", "gpus>=5", "cpu>8.2", "memory>16.5Gi", "critical_path>1h", "bytes>1Mi"]
)
def test_what_is_not_over_says_nothing(text: str) -> None:
    assert excess(parse_limit(text), of(FLOW)) == ""


@pytest.mark.parametrize("name", ["gpu_hours>1000000", "cpu_hours>1000000", "critical_path>1000d"])
def test_what_is_unbounded_is_over_every_limit(name: str) -> None:
    unbounded = of(FLOW.replace("  timeout: {exec_timeout: 1h}\n", ""))
    assert excess(parse_limit(name), unbounded) == f"{name.split('>')[0]} is unbounded: --fail-over `{name}`"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gpus", "is not of the form `NAME>NUMBER`"),
        ("gpus<4", "is not of the form"),
        ("gpus=4", "is not of the form"),
        ("gpu_hour>1", "there is no `gpu_hour` to limit; did you mean `gpu_hours`? names: `gpu_hours`"),
        ("gpus>many", "`many` is not a number"),
        ("gpus>-1", "`-1` is not a number"),
        ("memory>64GB", "`64GB` is not a quantity"),
        ("critical_path>90", "`90` is not a duration"),
    ],
)
def test_a_wrong_expression_says_how_it_is_right(text: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_limit(text)
    assert said in str(caught.value)
