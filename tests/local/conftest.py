"""Fixtures of the tests of `osmoc run`."""

from pathlib import Path

import pytest
from local.desk import Desk
from rooms import needs_namespaces


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    needs_namespaces("self")
    return Desk(tmp_path)
