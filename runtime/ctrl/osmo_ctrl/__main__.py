"""`osmo-ctrl`: see `attend`, which takes a while to import."""

import os
import signal


def run() -> None:
    # A signal that comes before there is somebody to hear it waits.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))
    from osmo_ctrl.attend import main
    from osmo_ctrl.ending import end

    end(main(os.environ))


if __name__ == "__main__":
    run()
