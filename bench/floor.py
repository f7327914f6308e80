"""The floor: PyYAML's C dumper writes an object that is there already. Usage: floor.py OBJECT.json > OUT.yaml"""

import json
import sys
from pathlib import Path

import yaml


def main(source: str) -> None:
    workflow = json.loads(Path(source).read_text())
    yaml.dump(workflow, sys.stdout, Dumper=yaml.CSafeDumper, sort_keys=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
