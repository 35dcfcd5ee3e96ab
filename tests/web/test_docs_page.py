"""The page at /docs lists what openapi.json holds, loads nothing, and escapes everything."""

from __future__ import annotations

import base64
import re
from hashlib import sha256
from html.parser import HTMLParser

from tests.web.doubles import ask, make_app
from tinylogbert_daemon.web.docs import page


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def _parsed(html: str) -> _Tags:
    tags = _Tags()
    tags.feed(html)
    tags.close()
    return tags


def test_it_lists_every_path_of_the_openapi_document() -> None:
    app = make_app()
    paths = ask(app, "GET", "/openapi.json").json()["paths"]
    text = _parsed(ask(app, "GET", "/docs").text).text
    assert set(paths) == {
        "/api/anomaly/detect",
        "/api/anomaly/batch_detect",
        "/api/anomaly/tokenize",
        "/api/status",
        "/api/sources",
        "/api/rates",
        "/api/model",
        "/metrics",
        "/healthz",
        "/readyz",
    }
    for path in paths:
        assert path in text
    assert "EXT4-fs error (device sda1)" in text  # an example


def test_every_operation_documents_its_errors_as_ours() -> None:
    document = ask(make_app(), "GET", "/openapi.json").json()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for operations in document["paths"].values():
        for operation in operations.values():
            assert {"200", "400", "403"} <= operation["responses"].keys()
    assert {"413", "415", "422", "503"} <= document["paths"]["/api/anomaly/detect"]["post"][
        "responses"
    ].keys()


def test_it_loads_nothing_and_runs_nothing() -> None:
    answer = ask(make_app(), "GET", "/docs")
    parsed = _parsed(answer.text)
    assert {tag for tag, _ in parsed.tags}.isdisjoint({"script", "link", "img", "iframe", "form"})
    for _, attributes in parsed.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert attributes.get("href") in (None, "/openapi.json")
    assert "://" not in answer.text


def test_its_policy_allows_exactly_its_own_style() -> None:
    answer = ask(make_app(), "GET", "/docs")
    style = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    assert len(style) == 1
    digest = base64.b64encode(sha256(style[0].encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_the_pages_of_fastapi_that_load_from_elsewhere_are_not_there() -> None:
    for path in ("/redoc", "/docs/oauth2-redirect"):
        assert ask(make_app(), "GET", path).status_code == 404


def test_markup_in_the_document_stays_text() -> None:
    hostile = '<script>alert("1")</script>&'
    schema = {
        "description": hostile,
        "properties": {
            hostile: {"type": hostile, "description": hostile, "examples": [hostile]},
            "either": {"anyOf": [{"$ref": f"#/{hostile}"}, {"type": "array", "items": {}}]},
        },
    }
    message = {"content": {"application/json": {"schema": schema}}, "description": hostile}
    operation = {
        "summary": hostile,
        "requestBody": message,
        "responses": {"200": message, hostile: {"description": hostile}},
    }
    html = page(
        {
            "info": {"title": hostile, "version": hostile, "description": hostile},
            "paths": {hostile: {hostile: operation}},
        }
    )
    parsed = _parsed(html)
    assert "script" not in {tag for tag, _ in parsed.tags}
    assert hostile in parsed.text


def test_a_schema_without_examples_shows_none() -> None:
    schema = {"properties": {"names": {"type": "array", "items": {"type": "string"}}}}
    message = {"content": {"application/json": {"schema": schema}}, "description": "Names"}
    html = page(
        {
            "info": {"title": "T", "version": "1"},
            "paths": {"/names": {"get": {"responses": {"200": message}}}},
        }
    )
    assert "array of string" in html
    assert "<pre>" not in html
