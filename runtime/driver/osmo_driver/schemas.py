"""The JSON Schema of the state that the driver keeps: `python -m osmo_driver.schemas > schemas/state.schema.json`."""

import json
import sys
from typing import Any

from osmo_driver.records import State


def schema() -> dict[str, Any]:
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | State.model_json_schema()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(schema(), indent=2) + "\n")
