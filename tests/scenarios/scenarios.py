"""One table of workflows for all that can run them: this machine, Jobs on a cluster, Argo."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """How a workflow ends. What is not said of exit codes and attempts is not looked at."""

    title: str
    workflow: str
    status: str
    tasks: Mapping[str, str]
    exits: Mapping[str, int] = field(default_factory=dict)
    attempts: Mapping[str, int] = field(default_factory=dict)
    needs: str = ""
    profile: Mapping[str, Any] = field(default_factory=dict)
    quota: Mapping[str, str] = field(default_factory=dict)
    deleted: str = ""

    def text(self, image: str) -> str:
        return self.workflow.replace("IMAGE", image)


SCENARIOS: Final = [Scenario(**row) for row in yaml.safe_load(Path(__file__).with_name("table.yaml").read_text())]
