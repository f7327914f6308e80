"""osmo-init: makes the directories of a task's pod, and puts the agent where the user's container finds it."""
