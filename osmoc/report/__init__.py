"""Findings as text: for people (`text`), programs (`json`), code scanners (`sarif`), GitHub's annotations (`github`).

Each format is one pure function `to_<format>` from findings, in the order they are to be shown, to text.
"""
