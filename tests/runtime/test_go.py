"""The programs in Go: their own tests, under the race detector where a C compiler is there, and `go vet`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RUNTIME = Path(__file__).parents[2] / "runtime"
# Go comes with the development tools of this project, from the Python index.
GO = shutil.which("go", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")


@pytest.mark.skipif(GO is None, reason="there is no Go: `make install` brings it")
@pytest.mark.parametrize("module", ["exec", "room"])
def test_go(module: str) -> None:
    can_race = shutil.which("cc") or shutil.which("gcc")
    for arguments in (["vet", "./..."], ["test", *(["-race"] if can_race else []), "./..."]):
        environment = os.environ | {"CGO_ENABLED": "1" if can_race else "0", "GOTOOLCHAIN": "local"}
        done = subprocess.run(
            [str(GO), *arguments], cwd=RUNTIME / module, env=environment, capture_output=True, text=True, timeout=500
        )
        assert done.returncode == 0, done.stdout + done.stderr
