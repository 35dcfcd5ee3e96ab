"""One HTTP POST over asyncio's streams: certificates checked, no redirect, no proxy, bounded.

The standard library's clients block a thread for as long as a server hangs, and follow what the
environment says about proxies; of HTTP a sink needs one request and a status, so that is all there
is here (RFC 9112: a response without body to come is read up to the end of the connection).
"""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import time

from pydantic import SecretStr

from tinylogbert_daemon.config.endpoint import Endpoint
from tinylogbert_daemon.config.sinks import Credentials
from tinylogbert_daemon.escape import printable
from tinylogbert_daemon.sinks.sink import BusyError, RefusedError, why

HEAD_BYTES = 16 * 1024
"""The most of a response's status and headers that is read."""

BODY_BYTES = 4 * 1024
_SECRET_BYTES = 16 * 1024
_ANSWER_CHARACTERS = 300
_LATER = (408, 425, 429)


async def post(
    endpoint: Endpoint,
    body: bytes,
    credentials: Credentials,
    headers: Mapping[str, SecretStr] | None = None,
    extra: Mapping[str, str] | None = None,
) -> str:
    """Send ``body`` (JSON); return the status line of a 2xx answer.

    Raises :class:`RefusedError` for 3xx and 4xx, :class:`BusyError` where the server may say how
    long to wait, other ``OSError`` for everything that may be better the next time. No error names
    more of the address than scheme, host and port, nor repeats what was sent.
    """
    fields = {
        "Host": endpoint.authority,
        "User-Agent": "tinylogbert",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Accept": "application/json",
        "Connection": "close",
        **(extra or {}),
        **_authorization(endpoint, credentials),
        **{name: value.get_secret_value() for name, value in (headers or {}).items()},
    }
    head = f"POST {endpoint.target} HTTP/1.1\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    request = head.encode("ascii") + b"\r\n" + body
    try:
        async with asyncio.timeout(credentials.timeout_seconds):
            status, reason, answered, answer = await _exchange(endpoint, request, credentials)
    except TimeoutError:
        seconds = f"{credentials.timeout_seconds:g} s"
        raise TimeoutError(f"{endpoint.shown}: no answer within {seconds}") from None
    except ssl.SSLError as error:
        said = getattr(error, "verify_message", "") or error.reason or "TLS failed"
        raise ConnectionError(f"{endpoint.shown}: {printable(str(said), 200)}") from error
    except (EOFError, ValueError) as error:
        raise ConnectionError(f"{endpoint.shown}: this is no HTTP answer") from error
    except OSError as error:
        raise ConnectionError(f"{endpoint.shown}: {why(error)}") from error
    said = f"{status} {printable(reason, 100)}".strip()
    if 200 <= status < 300:
        return said
    raise _failure(f"{endpoint.shown}: answered {said}", status, answered, answer)


async def _exchange(
    endpoint: Endpoint, request: bytes, credentials: Credentials
) -> tuple[int, str, dict[str, str], str]:
    """Return status, reason, headers and the beginning of the body of the answer."""
    context = _context(credentials.ca_file) if endpoint.scheme == "https" else None
    reader, writer = await asyncio.open_connection(
        endpoint.host, endpoint.port, ssl=context, limit=HEAD_BYTES
    )
    try:
        writer.write(request)
        # a server may answer, and close, before it has read all of it
        draining = asyncio.ensure_future(writer.drain())
        try:
            status = 100
            while 100 <= status < 200:  # interim answers
                head = await reader.readuntil(b"\r\n\r\n")
                status, reason, headers = _parse(head)
            answer = b""
            if not 200 <= status < 300:
                answer = await _beginning(reader)
        finally:
            draining.cancel()
            await asyncio.wait([draining])
            if not draining.cancelled():
                draining.exception()
    except asyncio.LimitOverrunError as error:
        raise ValueError("its headers are too long") from error
    finally:
        # not waited for: a server that does not close its side would hold this one up
        writer.transport.abort()
    return status, reason, headers, answer.decode("utf-8", "replace")


async def _beginning(reader: asyncio.StreamReader) -> bytes:
    """Return what there is of a body at once: it is shown to people only."""
    try:
        async with asyncio.timeout(1.0):
            return await reader.read(BODY_BYTES)
    except (TimeoutError, OSError):
        return b""


def _parse(head: bytes) -> tuple[int, str, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    code, _, reason = rest.partition(" ")
    if not version.startswith("HTTP/1.") or len(code) != 3 or not code.isdecimal():
        raise ValueError("not HTTP/1")
    pairs = (line.partition(":") for line in lines if line)
    return int(code), reason, {name.strip().lower(): value.strip() for name, _, value in pairs}


def _failure(message: str, status: int, headers: Mapping[str, str], answer: str) -> OSError:
    if status in _LATER or status == 503:
        busy = BusyError(message)
        busy.seconds = _retry_after(headers.get("retry-after", ""))
        return busy
    if 300 <= status < 500:
        if status < 400:
            message += "; redirects are not followed: configure the address that it names"
        refused = RefusedError(message)
        refused.answer = printable(" ".join(answer.split()), _ANSWER_CHARACTERS)
        return refused
    return ConnectionError(message)


def _retry_after(value: str) -> float:
    """Return the seconds that a Retry-After header asks for; 0 if it says nothing."""
    if value.isascii() and value.isdecimal():
        return float(value[:9])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time())
    except (ValueError, TypeError, OverflowError):
        return 0.0


def _context(ca_file: str) -> ssl.SSLContext:
    """Return a context that checks certificate and name; raises ``OSError``."""
    context = ssl.create_default_context(cafile=ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _authorization(endpoint: Endpoint, credentials: Credentials) -> dict[str, str]:
    if credentials.token_file:
        return {"Authorization": f"Bearer {read_secret(credentials.token_file)}"}
    user, password = endpoint.user, endpoint.password
    if credentials.password_file:
        user, password = credentials.user, read_secret(credentials.password_file)
    if not (user or password):
        return {}
    return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}


def read_secret(path: str) -> str:
    """Return the one line of a file; raises ``OSError``, which never repeats it."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(_SECRET_BYTES + 1)
    except OSError as error:
        raise OSError(f"{printable(path)}: cannot read the secret: {error.strerror}") from error
    secret = content.strip()
    is_printable = all(0x20 <= byte < 0x7F for byte in secret)
    if not secret or len(content) > _SECRET_BYTES or not is_printable:
        raise OSError(f"{printable(path)}: must hold one line of printable ASCII")
    return secret.decode("ascii")
