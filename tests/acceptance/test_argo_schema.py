import pytest
from acceptance import argo_schema


def test_workflow_schema_skips_where_the_crds_are_missing(monkeypatch, tmp_path):
    argo_schema.workflow_schema.cache_clear()
    monkeypatch.setenv("OSMOC_SHARED", str(tmp_path))

    with pytest.raises(pytest.skip.Exception, match="Argo's CRDs are not in"):
        argo_schema.workflow_schema()
    argo_schema.workflow_schema.cache_clear()


def test_workflow_schema_is_read_once():
    assert argo_schema.workflow_schema() is argo_schema.workflow_schema()
