"""The page at ``/`` and what it loads: files of the package, served as they are.

Nothing of a log line is in them: the page asks the API, and needs the token for that.
"""

from __future__ import annotations

from importlib import resources

from fastapi import FastAPI, Response

from tinylogbert_daemon.web.access import ASSETS

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
# Nothing but our own files and our own API; scripts and styles in the page itself are refused too.
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _CONTENT_SECURITY_POLICY,
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}


def add_page(app: FastAPI) -> None:
    """Add the page and its files."""
    folder = resources.files("tinylogbert_daemon.web") / "page"
    for file in folder.iterdir():
        path = "/" if file.name == "index.html" else f"{ASSETS}{file.name}"
        _add(app, path, file.read_bytes(), _TYPES[file.name.rpartition(".")[2]])


def _add(app: FastAPI, path: str, content: bytes, media_type: str) -> None:
    @app.get(path, include_in_schema=False)
    async def page() -> Response:
        return Response(content, media_type=media_type, headers=_HEADERS)
