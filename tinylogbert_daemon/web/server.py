"""The socket and the server around the application; the caller owns loop and signals."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import ssl
import stat
from collections.abc import Callable, Generator, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from tinylogbert_daemon.errors import ServiceError

CONNECTIONS = 64
"""Open connections; a further one is answered 503 and closed."""

KEEP_ALIVE_SECONDS = 5
"""How long a connection may rest between requests."""

REQUEST_SECONDS = 10.0
"""How long the first line and the headers of a request may take to arrive."""

ANSWER_SECONDS = 10.0
"""How long a client may leave an answer that fills the buffers lie before it is cut off."""

GRACE_SECONDS = 3
"""How long requests under way may go on after the stop."""

SOCKET_MODE = 0o660
"""Of the Unix socket: whoever may write to it may ask anything."""

_HEADER_BYTES = 16 * 1024
_BACKLOG = 128
_TICK_SECONDS = 1.0


def bind(host: str, port: int, *, loopback_only: bool = True) -> socket.socket:
    """Return a listening TCP socket on ``host``; port 0 takes any free one.

    Raises :class:`ServiceError`, one clear line, if that cannot be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise ServiceError(f"{host}: no such address; set http.host to 127.0.0.1") from error
    # a name in the configuration may resolve to anything
    is_loopback = ip_address(str(address[0]).partition("%")[0]).is_loopback
    if loopback_only and not is_loopback:
        raise ServiceError(f"{host}: not a loopback address; set http.host to 127.0.0.1")
    sock = socket.socket(family, kind, protocol)
    try:
        # connections of a process that just ended do not keep a new one waiting (TIME_WAIT)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        # at once: on Linux a port can be bound twice as long as nobody listens
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        where = f"[{host}]:{port}" if family == socket.AF_INET6 else f"{host}:{port}"
        raise ServiceError(f"{where}: {_reason(error)}") from error
    sock.setblocking(False)
    return sock


@contextlib.contextmanager
def bound_unix(path: Path) -> Iterator[socket.socket]:
    """Give a listening Unix socket at ``path``, for its owner and group; it is gone in the end.

    One that a killed process left there makes way. Raises :class:`ServiceError`.
    """
    try:
        folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise ServiceError(f"{path}: {error.strerror}; set http.socket") from error
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, folder)
        # the path itself may be longer than an address (unix(7): 107 bytes)
        address = f"/proc/self/fd/{folder}/{path.name}"
        sock = stack.enter_context(socket.socket(socket.AF_UNIX))
        try:
            _make_way(address, path)
            # before there is a name: nobody else can connect in between
            os.fchmod(sock.fileno(), SOCKET_MODE)
            sock.bind(address)
            stack.callback(Path(address).unlink, missing_ok=True)
            Path(address).chmod(SOCKET_MODE)
            sock.listen(_BACKLOG)
            sock.setblocking(False)
        except OSError as error:
            raise ServiceError(
                f"{path}: cannot listen there: {error.strerror or error}; set http.socket"
            ) from error
        yield sock


def _make_way(address: str, path: Path) -> None:
    """Remove a socket that nobody listens on; anything else stays and is an error."""
    try:
        if not stat.S_ISSOCK(os.lstat(address).st_mode):
            raise ServiceError(f"{path}: is there and no socket; set http.socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(address)
        except ConnectionRefusedError:
            Path(address).unlink(missing_ok=True)
            return
    raise ServiceError(f"{path}: another program listens there; set http.socket")


def check_tls(certificate: str, key: str) -> None:
    """Raise :class:`ServiceError` if certificate and key cannot be used together."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:  # OSError holds ssl.SSLError
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ServiceError(
            f"{certificate} and {key}: no certificate with its key ({reason}); set "
            "http.tls_certificate and http.tls_key"
        ) from error


def url(sock: socket.socket, scheme: str = "http") -> str:
    """Return the address of a bound socket as ``http://127.0.0.1:5000``."""
    host, port = sock.getsockname()[:2]
    shown = f"[{host}]" if sock.family == socket.AF_INET6 else host
    return f"{scheme}://{shown}:{port}"


async def serve(
    app: Callable[..., Any],
    sock: socket.socket,
    stop: asyncio.Event,
    tls: tuple[str, str] | None = None,
) -> None:
    """Answer requests on ``sock`` until ``stop`` is set, then let those under way end; close it.

    ``tls`` names the files of certificate and key.

    No signal handler is installed and nothing is logged: both are the caller's.
    """
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        # a header must not be able to say where a request comes from
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        h11_max_incomplete_event_size=_HEADER_BYTES,
        backlog=_BACKLOG,
        ssl_certfile=tls[0] if tls else None,
        ssl_keyfile=tls[1] if tls else None,
    )
    server = _Server(config, stop)
    try:
        await server.serve(sockets=[sock])
    finally:
        server.close()
        sock.close()


class _Server(uvicorn.Server):
    """uvicorn's server without its signal handlers, stopped by an event."""

    def __init__(self, config: uvicorn.Config, stop: asyncio.Event) -> None:
        super().__init__(config)
        self._stop = stop

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def main_loop(self) -> None:
        """Wait for the stop; uvicorn's own loop would wake ten times a second."""
        while not self._stop.is_set():
            await self.on_tick(0)  # sets the Date header
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), _TICK_SECONDS)

    def close(self) -> None:
        """Close what a cancelled :meth:`serve` has left open."""
        for server in getattr(self, "servers", ()):
            server.close()
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()


class _Protocol(H11Protocol):
    """uvicorn's HTTP/1.1, with bounds on how long a request may take to arrive, an answer to leave.

    uvicorn's keep-alive timer starts after the first answer and stops at the first byte; a client
    that sends nothing, or a byte now and then, would hold its connection for ever. So would one
    that does not read: a connection is closed only when all that was written has left.
    """

    _arrival: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch_arrival()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_arrival()

    def pause_writing(self) -> None:
        super().pause_writing()
        # not closed but cut off: to close is to wait until the client has read the rest
        self._reading = self.loop.call_later(ANSWER_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        self._forget_reading()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_arrival()
        self._forget_reading()
        super().connection_lost(exc)

    def _watch_arrival(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._forget_arrival()
        elif self._arrival is None:
            self._arrival = self.loop.call_later(REQUEST_SECONDS, self._too_slow)

    def _forget_arrival(self) -> None:
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None

    def _forget_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _too_slow(self) -> None:
        self._arrival = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "address in use; another program listens there; set http.port"
    if error.errno == errno.EACCES:
        return "permission denied; ports below 1024 are for root; set http.port"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this host has no such address; set http.host to 127.0.0.1"
    return f"cannot listen there: {error.strerror}; set http.host and http.port"
