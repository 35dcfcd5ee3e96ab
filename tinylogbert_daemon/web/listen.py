"""The addresses that the web answers at, as configured: TCP, Unix socket, and one for metrics."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from typing import Any

from tinylogbert_daemon.config import Config
from tinylogbert_daemon.config.schema import LOOPBACK
from tinylogbert_daemon.web import server
from tinylogbert_daemon.web.access import TOKEN_FILE, TRUSTED, Access, load_token

_App = Callable[..., Any]


class Listeners:
    """Bound sockets, closed with ``stack``; raises :class:`ServiceError` if one cannot be had.

    ``has_state``: the program keeps a state, and so has a token and a Unix socket.
    """

    def __init__(self, config: Config, stack: ExitStack, *, has_state: bool) -> None:
        http = config.http
        loopback = http.host in LOOPBACK
        self._tls = (http.tls_certificate, http.tls_key) if http.tls_certificate else None
        if self._tls is not None:
            server.check_tls(*self._tls)
        needs_token = http.enabled and (has_state or not loopback)
        self.access = Access(
            token=load_token(config.state_path / TOKEN_FILE) if needs_token else "",
            hosts=frozenset(name.lower() for name in (http.host, *http.allowed_hosts)),
            scheme="https" if self._tls else "http",
            loopback=loopback,
        )
        self._main: socket.socket | None = None
        self._local: socket.socket | None = None
        self._probes: socket.socket | None = None
        if http.enabled:
            self._main = server.bind(http.host, http.port, loopback_only=self._tls is None)
            stack.enter_context(self._main)
        if http.enabled and http.metrics_port:
            self._probes = server.bind(http.metrics_host, http.metrics_port, loopback_only=False)
            stack.enter_context(self._probes)
        if has_state and config.socket_path is not None:
            self._local = stack.enter_context(server.bound_unix(config.socket_path))

    @property
    def url(self) -> str:
        """Where the API answers, ``off`` if it does not over TCP."""
        return server.url(self._main, self.access.scheme) if self._main is not None else "off"

    def serving(
        self, app: _App, probes: _App, stop: asyncio.Event
    ) -> list[Coroutine[Any, Any, None]]:
        """Return what serves ``app``, and ``probes`` at the address for metrics, until ``stop``."""
        tasks = []
        if self._main is not None:
            tasks.append(server.serve(app, self._main, stop, self._tls))
        if self._local is not None:
            tasks.append(server.serve(_trusted(app), self._local, stop))
        if self._probes is not None:
            tasks.append(server.serve(probes, self._probes, stop))
        return tasks


def _trusted(app: _App) -> _App:
    """Return ``app`` for requests over the Unix socket: who may connect may ask anything."""

    async def over_the_socket(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await app({**scope, TRUSTED: True}, receive, send)

    return over_the_socket
