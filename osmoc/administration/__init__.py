"""What administrators of OSMO have, and how it becomes a profile: one module for each kind of config."""
