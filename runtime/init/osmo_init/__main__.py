"""`osmo-init`: prepares the volumes of a task's pod, and ends."""

import os
import sys
from pathlib import Path


def main() -> int:
    from osmo_init.layout import UnknownMachineError, lay_out

    root = Path(os.environ.get("OSMO_ROOT", "/osmo"))
    system = os.uname()
    os.umask(0o007)
    try:
        lay_out(root, Path(__file__).parent / "agents", system.sysname, system.machine)
    except (UnknownMachineError, OSError) as error:
        sys.stderr.write(f"osmo-init: {error}\n")
        return 1
    return 0


def run() -> None:
    sys.exit(main())


if __name__ == "__main__":
    run()
