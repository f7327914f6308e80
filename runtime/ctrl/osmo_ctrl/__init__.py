"""osmo-ctrl: the sidecar of a task. It downloads, lets the command start, and uploads what it leaves."""
