"""Runs on a cluster: applied, watched, ended and removed, by the API server and whoever calls alone."""
