"""osmo-driver: starts the Jobs of a workflow in order, and ends what can never start."""
