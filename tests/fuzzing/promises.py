"""What holds for every input, however broken: findings or manifests, in legal places, the same every time."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import yaml

from osmoc import templating
from osmoc.diagnostics import Diagnostic
from osmoc.emit.write import to_json as manifests_to_json
from osmoc.emit.write import to_yaml
from osmoc.passes.render_template import Renderer
from osmoc.pipeline import Options, Result, compile_workflow
from osmoc.profile import Profile
from osmoc.redaction import redacted
from osmoc.report.github import to_github
from osmoc.report.json import to_json
from osmoc.report.sarif import to_sarif
from osmoc.report.text import to_text
from osmoc.source import Source
from osmoc.templating import Rendered


def check_compile(
    text: str,
    options: Options | None = None,
    profile: Profile | None = None,
    renderer: Renderer = templating.render,
) -> None:
    """Compile for both targets, and check each result."""
    source = Source("flow.yaml", text)
    for target in ("argo", "jobs"):
        chosen = replace(options or Options(), target=target)
        result = compile_workflow(source, profile, options=chosen, render=renderer)
        check_result(result, text)
        again = compile_workflow(source, profile, options=chosen, render=renderer)
        assert again == result, "the same input gave another result"


def check_result(result: Result, text: str) -> None:
    lines = text.split("\n")
    for found in result.findings:
        check_place(found, lines)
    check_reports(result.findings)
    if result.failed:
        assert result.findings, "failed, and no finding says why"
        assert not result.manifests, "manifests in spite of errors"
    else:
        assert result.manifests, "neither errors nor manifests"
        written = to_yaml(result.manifests)
        assert list(yaml.load_all(written, Loader=yaml.CSafeLoader)) == list(result.manifests), "YAML reads otherwise"
        read = json.loads(manifests_to_json(result.manifests))
        assert read.get("items", [read]) == list(result.manifests), "JSON reads otherwise"
        written.encode()


def check_place(found: Diagnostic, lines: list[str]) -> None:
    assert found.message, found
    place = found.place
    if place is None:
        return
    assert 1 <= place.line <= len(lines), f"line {place.line} of {len(lines)}: {found}"
    assert 1 <= place.start < place.end, f"columns {place.start} to {place.end}: {found}"
    line = lines[place.line - 1].removesuffix("\r")
    assert place.text == redacted(line), f"`{place.text}` does not stand on line {place.line}: {found}"
    assert place.end <= len(line) + 2, f"ends in column {place.end}, behind a line of {len(line)}: {found}"


def check_reports(findings: tuple[Diagnostic, ...]) -> None:
    to_text(findings).encode(errors="surrogateescape")
    to_text(findings, colour=True)
    assert len(json.loads(to_json(findings))["findings"]) == len(findings)
    assert len(json.loads(to_sarif(findings))["runs"][0]["results"]) == len(findings)
    assert to_github(findings).count("\n") == len(findings)


def check_render(text: str, values: Mapping[str, Any], renderer: Renderer = templating.render) -> Rendered:
    """Render a template, and check what comes of it."""
    rendered = renderer(text, values)
    assert rendered == renderer(text, values), "the same template gave another text"
    lines = text.count("\n") + 1
    for fault in rendered.faults:
        assert 0 <= fault.line <= lines, f"line {fault.line} of {lines}: {fault}"
        assert fault.message, fault
    if rendered.origin:
        assert not rendered.faults
        assert len(rendered.origin) == rendered.text.count("\n") + 1, "an origin for each line"
        assert all(0 <= line <= lines for line in rendered.origin), rendered.origin
    return rendered
