"""Addresses that alerts are sent to, taken apart; what is secret in them is never shown."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, SecretStr

_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*+\.?")
_TARGET = re.compile(r"[!-~]*")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One HTTP address. Path and query may be secrets, as user and password are."""

    scheme: str
    host: str
    port: int
    target: str = field(repr=False)
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def authority(self) -> str:
        """Return what a Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """Return the part of the address that people and logs may be told."""
        return f"{self.scheme}://{self.authority}"


def endpoint(url: str, below: str = "") -> Endpoint:
    """Return the parts of ``url``, with the path ``below`` appended to its own.

    Raises ``ValueError``, which never repeats the address.
    """
    if not _TARGET.fullmatch(url):
        raise ValueError("must be a URL of printable ASCII characters without spaces")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("must be a URL, such as https://host:9093/path") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("must be a URL that begins with http:// or https:// and names a host")
    if not _is_host(parts.hostname):
        raise ValueError("the host of the URL must be a name or an IP address")
    if parts.fragment:
        raise ValueError("a URL to send to has no fragment ('#')")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    target = (parts.path.rstrip("/") + below if below else parts.path) or "/"
    if parts.query:
        target += f"?{parts.query}"
    port = _PORTS[parts.scheme] if port is None else port
    return Endpoint(parts.scheme, parts.hostname, port, target, user, password)


def host_and_port(address: str) -> tuple[str, int]:
    """Return the parts of ``host:port`` or ``[v6]:port``; raises ``ValueError``."""
    host, colon, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and _is_host(host) and port.isascii() and port.isdecimal()):
        raise ValueError("must be host:port, such as logs.example.org:514")
    if not 1 <= int(port) <= 65_535:
        raise ValueError("the port must be 1 to 65535")
    return host, int(port)


def _is_host(host: str) -> bool:
    """Return whether a resolver can be asked for ``host``: it raises odd errors on empty labels."""
    if ":" not in host:
        return bool(_NAME.fullmatch(host))
    try:
        ip_address(host)
    except ValueError:
        return False
    return "%" not in host  # the name of an interface may be anything


def _checked(url: SecretStr) -> SecretStr:
    if url.get_secret_value():
        endpoint(url.get_secret_value())
    return url


Url = Annotated[SecretStr, AfterValidator(_checked)]
"""A URL to send to, or nothing; its own representation hides it."""
