"""The page at ``/docs``: the OpenAPI document for people, with nothing loaded from anywhere."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from html import escape
from typing import Any

_Document = Mapping[str, Any]

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 56rem; margin: 2rem auto; padding: 0 1rem }
section { border-top: 1px solid; margin-top: 2rem }
code, pre { font: 14px/1.4 ui-monospace, monospace }
pre { overflow-x: auto; padding: .75rem; border: 1px solid }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0 }
"""

# the one style sheet is named by its hash, all else is forbidden (CSP level 3, section 2.3.1)
_STYLE_HASH = base64.b64encode(sha256(_STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page(document: _Document) -> str:
    """Return the HTML page of an OpenAPI ``document``."""
    info = document["info"]
    title = f"{escape(info['title'])} {escape(info['version'])}"
    sections = "".join(
        "".join(_operation(document, method, path, operation))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    )
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>"
        f"<p>{escape(info.get('description', ''))} For programs: "
        f'<a href="/openapi.json">openapi.json</a>.</p>{sections}</body></html>\n'
    )


def _operation(document: _Document, method: str, path: str, operation: _Document) -> Iterator[str]:
    yield f"<section><h2><code>{escape(method.upper())} {escape(path)}</code></h2>"
    yield f"<p>{escape(operation.get('summary', ''))}</p>"
    request = _schema(document, operation.get("requestBody", {}))
    if request:
        yield "<h3>Request</h3>" + _fields(request) + _example(document, request)
    responses = operation["responses"]
    response = _schema(document, responses.get("200", {}))
    if response:
        yield "<h3>Answer</h3>" + _fields(response) + _example(document, response)
    rows = "".join(
        f"<tr><td><code>{escape(status)}</code></td><td>{escape(answer['description'])}</td></tr>"
        for status, answer in responses.items()
        if status != "200"
    )
    if rows:
        yield f"<h3>Errors</h3><table>{rows}</table>"
    yield "</section>"


def _schema(document: _Document, message: _Document) -> _Document:
    """Return the schema of a message's JSON, an empty one where it has no fields."""
    content = message.get("content", {}).get("application/json", {})
    return _resolve(document, content.get("schema", {}))


def _resolve(document: _Document, schema: _Document) -> _Document:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: _Document = document["components"]["schemas"][reference.rpartition("/")[2]]
    return found


def _fields(schema: _Document) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(_kind(field))}</td>"
        f"<td>{escape(field.get('description', ''))}</td></tr>"
        for name, field in schema.get("properties", {}).items()
    )
    return f"<p>{escape(schema.get('description', ''))}</p><table>{rows}</table>"


def _kind(field: _Document) -> str:
    if "anyOf" in field:
        return " or ".join(map(_kind, field["anyOf"]))
    if "$ref" in field:
        return str(field["$ref"].rpartition("/")[2])
    kind = str(field.get("type", "any"))
    return f"{kind} of {_kind(field['items'])}" if "items" in field else kind


def _example(document: _Document, schema: _Document) -> str:
    example = _value(document, schema)
    if not example:
        return ""
    return f"<pre>{escape(json.dumps(example, indent=2, ensure_ascii=False))}</pre>"


def _value(document: _Document, schema: _Document) -> object:
    """Return an example of what ``schema`` describes, None where it gives none."""
    schema = _resolve(document, schema)
    if "examples" in schema:
        return schema["examples"][0]
    if "items" in schema:
        item = _value(document, schema["items"])
        return None if item is None else [item]
    values = {name: _value(document, field) for name, field in schema.get("properties", {}).items()}
    return values if values and None not in values.values() else None
