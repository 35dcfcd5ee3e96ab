"""Who may ask what: the token, the names that this host goes by, and what is open without one."""

from __future__ import annotations

import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from starlette.datastructures import Headers

from tinylogbert_daemon.errors import ServiceError

TOKEN_FILE = "api.token"  # noqa: S105  # a name
TOKEN_MODE = 0o640

ASSETS = "/assets/"
"""What the page loads; open without a token, as the page is."""

TRUSTED = "tinylogbert.trusted"
"""Key of the ASGI scope: the request came over the Unix socket, whose mode says who may ask."""

AUTHORISED = "tinylogbert.authorised"
"""Key of the ASGI scope: the request may see log text."""

_TOKEN_BYTES = 32
_LONGEST = 4096

# They hold no log text, and scrapers and probes have no token. The page is a shell without data.
_OPEN = frozenset(("/metrics", "/healthz", "/readyz", "/"))
# On loopback also what shows the caller's own line only, and what holds no line at all.
_OPEN_ON_LOOPBACK = frozenset(
    (
        "/api/anomaly/detect",
        "/api/anomaly/batch_detect",
        "/api/anomaly/tokenize",
        "/api/status",
        "/api/sources",
        "/api/rates",
        "/api/model",
    )
)


@dataclass(frozen=True, slots=True)
class Access:
    """How one address is guarded.

    ``hosts`` are names that the Host header may hold beside those of loopback, in lower case;
    ``any_host``: whatever it holds, for what holds no log text. ``scheme`` is that of its own
    pages; without ``token`` nothing that needs one is answered.
    """

    token: str = field(default="", repr=False)
    hosts: frozenset[str] = frozenset()
    scheme: str = "http"
    loopback: bool = True
    any_host: bool = False

    def is_open(self, path: str) -> bool:
        """Return whether ``path`` is answered without a token."""
        if path in _OPEN or path.startswith(ASSETS):
            return True
        # what is not known to be harmless needs the token
        return self.loopback and (path in _OPEN_ON_LOOPBACK or not path.startswith("/api/"))

    def knows(self, headers: Headers) -> bool:
        """Return whether the request carries the token (RFC 6750 section 2.1)."""
        given = headers.getlist("authorization")
        if len(given) != 1 or not self.token:
            return False
        scheme, _, token = given[0].partition(" ")
        if scheme.lower() != "bearer":
            return False
        # takes the same time wherever the two begin to differ
        return hmac.compare_digest(token.strip().encode(), self.token.encode())


def load_token(path: Path) -> str:
    """Return the token in ``path``, made at the first call: readable by its owner and group.

    Raises :class:`ServiceError` if it cannot be, or if others could read it.
    """
    try:
        token = _read(path)
        if token is None:
            temporary = path.with_name(f".{path.name}.{os.getpid()}")
            temporary.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            descriptor = os.open(temporary, flags, 0o600)
            with os.fdopen(descriptor, "w") as file:
                token = secrets.token_urlsafe(_TOKEN_BYTES)
                file.write(f"{token}\n")
                file.flush()
                os.fsync(descriptor)
                # the umask is not asked
                os.fchmod(descriptor, TOKEN_MODE)
            temporary.replace(path)
    except OSError as error:
        raise ServiceError(f"{path}: cannot use the API's token: {error.strerror}") from error
    return token


def _read(path: Path) -> str | None:
    """Return the token of a file, None where there is none or no whole one."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, errors="replace") as file:
        if os.fstat(descriptor).st_mode & 0o037:
            raise ServiceError(
                f"{path}: others could read or write the API's token; delete it, and the next "
                "start makes another one"
            )
        token = file.read(_LONGEST).strip()
    return token if len(token) >= _TOKEN_BYTES and token.isascii() else None
