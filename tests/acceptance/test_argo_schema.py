from pathlib import Path

import pytest
from acceptance import argo_schema


def test_workflow_schema_skips_where_the_crds_are_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    argo_schema.workflow_schema.cache_clear()
    monkeypatch.setenv("OSMOC_SHARED", str(tmp_path))

    with pytest.raises(pytest.skip.Exception, match="Argo's CRDs are not in"):
        argo_schema.workflow_schema()
    argo_schema.workflow_schema.cache_clear()


def test_workflow_schema_is_read_once() -> None:
    assert argo_schema.workflow_schema() is argo_schema.workflow_schema()
