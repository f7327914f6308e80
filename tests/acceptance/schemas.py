"""Objects, templates and pods against their full schemas: unknown fields, wrong types, too many items."""

from acceptance.argo_schema import inline_template_schema, workflow_schema
from acceptance.argo_templates import inline_templates
from acceptance.kubernetes_schema import definitions, object_schema
from acceptance.manifest import Manifest, prefixed, title
from acceptance.openapi import violations


def schema_errors(objects: list[Manifest]) -> list[str]:
    """What the API server's strict validation would refuse, except by CEL (`x-kubernetes-validations`)."""
    found = []
    for manifest in objects:
        api_version, kind = str(manifest.get("apiVersion")), str(manifest.get("kind"))
        if (api_version, kind) == ("argoproj.io/v1alpha1", "Workflow"):
            schema = workflow_schema()
        elif (known := object_schema(api_version, kind)) is not None:
            schema = known
        else:
            found.append(f"{title(manifest)}: no schema for {api_version} {kind}")
            continue
        found += prefixed(title(manifest), violations(manifest, schema, definitions()))
    return found


def inline_schema_errors(workflow: Manifest) -> list[str]:
    """The same for templates behind `inline`, where the server itself looks at nothing and the controller fails."""
    found = []
    for path, template in inline_templates(workflow):
        place = f"{title(workflow)}: templates.{path}"
        found += prefixed(place, violations(template, inline_template_schema(), definitions()))
    return found
