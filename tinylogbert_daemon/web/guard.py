"""What stands before every request: who may ask, how much, and how many at once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tinylogbert_daemon import logs
from tinylogbert_daemon.web.access import AUTHORISED, TRUSTED, Access

BODY_BYTES = 1024 * 1024
"""The longest body of a request."""

BODY_SECONDS = 10.0
"""How long a client may take to send its body."""

WAITING = 32
"""Requests with a body that are worked on or wait for the model; more are told to come back."""

# A page of another site can reach a loopback port by a name that it makes resolve to 127.0.0.1
# (DNS rebinding); the Host header then still holds that name (RFC 9110 section 7.2).
_LOOPBACK_HOST = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?", re.IGNORECASE)

_PORT = re.compile(r":\d{1,5}\Z")

_ANSWER_HEADERS = {
    # answers hold log text: no browser or proxy may keep them, guess their type or frame them
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


def error(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return the answer ``{"error": message}``."""
    return JSONResponse({"error": message}, status, headers)


class Guard:
    """ASGI middleware around the whole application.

    Refuses what is not from this host (400, 403), what needs a token and has none (401), what is
    not JSON (415), too large (413), too slow (408) or too much at once (503); what fails inside
    becomes a 500 without any detail. Bodies are
    read here, whole, so that a slow client holds no place in the queue for the model.
    """

    def __init__(
        self,
        app: ASGIApp,
        waiting: int = WAITING,
        body_seconds: float = BODY_SECONDS,
        access: Access | None = None,
    ) -> None:
        self._app = app
        self._access = access or Access()
        self._waiting = waiting
        self._body_seconds = body_seconds
        self._busy = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in _ANSWER_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._admit(scope, receive, answer)
        except Exception as failure:
            # neither the message nor the values: they may hold what a client sent
            logs.get().error("request failed", path=scope["path"], failure=_place(failure))
            if not started:
                internal = error(500, "internal error; the daemon's log has more")
                await internal(scope, receive, answer)

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        trusted = bool(scope.get(TRUSTED))
        scope[AUTHORISED] = trusted or self._access.knows(headers)
        refusal = None if trusted else _refusal(headers, self._access)
        if refusal is None and not (scope[AUTHORISED] or self._access.is_open(scope["path"])):
            refusal = _unknown()
        if refusal is None and scope["method"] == "POST":
            refusal = _wrong_body(headers)
        if refusal is not None:
            await refusal(scope, receive, send)
        elif scope["method"] == "POST":
            await self._post(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _post(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(self._body_seconds):
                body = await _read(receive)
        except TimeoutError:
            late = error(408, "the body did not arrive in time", {"connection": "close"})
            await late(scope, receive, send)
            return
        if body is None:
            return
        if len(body) > BODY_BYTES:
            await _too_large()(scope, receive, send)
        elif self._busy >= self._waiting:
            busy = error(503, "too many requests wait for the model", {"retry-after": "1"})
            await busy(scope, receive, send)
        else:
            self._busy += 1
            try:
                await self._app(scope, _replay(body, receive), send)
            finally:
                self._busy -= 1


def _refusal(headers: Headers, access: Access) -> JSONResponse | None:
    hosts = headers.getlist("host")
    if len(hosts) != 1 or not _is_ours(hosts[0], access):
        return error(
            400, "the Host header must be 127.0.0.1, localhost, [::1] or one of http.allowed_hosts"
        )
    for origin in headers.getlist("origin"):
        # RFC 6454 section 7: a page of our own has our own origin, all others are strangers
        if origin.lower() != f"{access.scheme}://{hosts[0].lower()}":
            return error(403, "requests from pages of other sites are refused")
    return None


def _is_ours(host: str, access: Access) -> bool:
    if access.any_host or _LOOPBACK_HOST.fullmatch(host):
        return True
    return _PORT.sub("", host.lower()) in access.hosts


def _unknown() -> JSONResponse:
    return error(
        401,
        "this needs the token in api.token of the state directory, as Authorization: Bearer TOKEN",
        {"www-authenticate": "Bearer"},
    )


def _wrong_body(headers: Headers) -> JSONResponse | None:
    length = headers.get("content-length", "0")
    if length.isdecimal() and int(length[:20]) > BODY_BYTES:
        return _too_large()
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    # also what keeps a page's plain form from posting here without asking first (CORS preflight)
    if kind != "application/json":
        return error(415, "send JSON, with the header Content-Type: application/json")
    return None


def _too_large() -> JSONResponse:
    return error(413, f"the body is larger than {BODY_BYTES // 1024} KiB")


async def _read(receive: Receive) -> bytes | None:
    """Return the body, cut soon after ``BODY_BYTES``; None if the client has gone."""
    body = bytearray()
    while len(body) <= BODY_BYTES:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives ``body`` once, and then what the client does next."""
    pending = [body]

    async def replayed() -> Message:
        if pending:
            return {"type": "http.request", "body": pending.pop(), "more_body": False}
        return await receive()

    return replayed


def _place(failure: BaseException) -> str:
    """Return the type of ``failure`` and the innermost line of code it came from."""
    trace = failure.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(failure).__name__
    code = trace.tb_frame.f_code
    return f"{type(failure).__name__} in {code.co_qualname}, line {trace.tb_lineno}"
