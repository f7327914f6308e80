"""`python -m osmoc`."""

from osmoc.cli.main import run

run()
