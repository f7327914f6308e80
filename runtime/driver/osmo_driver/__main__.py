"""`osmo-driver`. Status 0: the workflow is complete, 1: it has failed, 2: wrong usage, 3: a fault of the driver, which
is then started again.

Python itself ends with 1 when it dies of an exception, which would be a verdict: so nothing is imported outside `try`.
"""

import os
import sys

CRASHED = 3


def run() -> None:
    try:
        from osmo_driver.main import main

        status = main(sys.argv[1:], os.environ)
    except SystemExit:
        raise
    except BaseException:
        import traceback

        traceback.print_exc()
        status = CRASHED
    sys.exit(status)


if __name__ == "__main__":
    run()
