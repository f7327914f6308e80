"""Directories of the task, read and written without following a link out of them."""
