"""The schema of Argo's full Workflow CRD, read once.

The CRD (2.8 MB, Apache-2.0) is not part of this repository: it lies in `argo-crds` of a folder `shared` beside
the checkout, or of the one that OSMOC_SHARED names.
"""

import os
from functools import cache
from pathlib import Path

import pytest
import yaml
from acceptance.openapi import Schema

_BESIDE_CHECKOUT = Path(__file__).parents[3] / "shared"


@cache
def workflow_schema() -> Schema:
    folder = Path(os.environ.get("OSMOC_SHARED", _BESIDE_CHECKOUT)) / "argo-crds"
    file = folder / "argoproj.io_workflows.yaml"
    if not file.exists():
        pytest.skip(f"Argo's CRDs are not in {folder} (set OSMOC_SHARED)")
    crd = yaml.load(file.read_bytes(), Loader=yaml.CSafeLoader)
    schema: Schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    # A CRD leaves metadata to the server, which knows it as every object's.
    schema["properties"]["metadata"] = {"$ref": "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}
    return schema


@cache
def inline_template_schema() -> Schema:
    """The schema of a template behind `inline`, where the CRD checks nothing, not even the number of tasks."""
    template: Schema = workflow_schema()["properties"]["spec"]["properties"]["templates"]["items"]
    dag = template["properties"]["dag"]
    tasks = {name: value for name, value in dag["properties"]["tasks"].items() if name != "maxItems"}
    dag = {**dag, "properties": {**dag["properties"], "tasks": tasks}}
    return {**template, "properties": {**template["properties"], "dag": dag}}
