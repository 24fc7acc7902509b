"""A page that describes the routes, without a script and without the web."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

_HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>mothertongue: API</title>
<meta name="viewport" content="width=device-width">
<style>
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 50rem; padding: 0 1rem }
:root { color-scheme: light dark } table { border-collapse: collapse } td { padding: 0 1rem 0 0 }
</style>
<h1>API</h1><p>As <a href="openapi.json">OpenAPI</a>, for programs.
"""


def docs_page(openapi: Mapping[str, Any]) -> str:
    """Each route with its description and parameters."""
    return _HEAD + "".join(
        _route(method, path, operation, openapi)
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
    )


def _route(method: str, path: str, operation: Mapping[str, Any], openapi: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code><td>{escape(what)}"
        for name, what in _parameters(operation, openapi)
    )
    description = escape(operation.get("description", ""))
    return (
        f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{description}"
        f"<table>{rows}</table>\n"
    )


def _parameters(
    operation: Mapping[str, Any], openapi: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Name and kind of each parameter, and of each part of the body."""
    for one in operation.get("parameters", ()):
        yield one["name"], f"in the {one['in']}, {_kind(one['schema'])}"
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        name = content["schema"].get("$ref", "").rpartition("/")[2]
        schema = openapi["components"]["schemas"].get(name, content["schema"])
        for key, part in schema.get("properties", {}).items():
            needed = ", required" if key in schema.get("required", ()) else ""
            yield key, f"in {media}, {_kind(part)}{needed}"


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    if "contentMediaType" in schema or schema.get("format") == "binary":
        return "a file"
    return str(schema.get("type", "any"))
