"""The socket of `osmo`, the tool within the task."""
