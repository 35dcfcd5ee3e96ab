"""A running daemon, asked over its Unix socket: who may open that may ask anything."""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tinylogbert_daemon.errors import ServiceError, StateError
from tinylogbert_daemon.escape import printable

if TYPE_CHECKING:
    from tinylogbert_daemon.config import Config
    from tinylogbert_daemon.state import Store

ASK_SECONDS = 10.0
_ANSWER_BYTES = 64 * 1024 * 1024
_MESSAGE_CHARACTERS = 300


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        folder = os.open(self._path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(self.timeout)
            # the path itself may be longer than an address
            self.sock.connect(f"/proc/self/fd/{folder}/{self._path.name}")
        finally:
            os.close(folder)


class Daemon:
    """The daemon behind the Unix socket at ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def ask(self, method: str, path: str, body: Any = None, **query: object) -> Any:
        """Return the JSON that the daemon answers; raises :class:`ServiceError` as it refuses."""
        return json.loads(self.read(method, path, body, **query))

    def read(self, method: str, path: str, body: Any = None, **query: object) -> bytes:
        """Return what the daemon answers; raises :class:`ServiceError` with its message."""
        given = {name: _text(value) for name, value in query.items() if value is not None}
        target = f"{path}?{urlencode(given)}" if given else path
        payload = None if body is None else json.dumps(body)
        headers = {} if body is None else {"content-type": "application/json"}
        with closing(_Connection(self._path, ASK_SECONDS)) as connection:
            try:
                connection.request(method, target, payload, headers)
                response = connection.getresponse()
                content = response.read(_ANSWER_BYTES)
            except (OSError, http.client.HTTPException) as error:
                reason = str(error) or type(error).__name__
                raise ServiceError(f"{self._path}: no answer: {printable(reason, 200)}") from error
        if response.status != http.HTTPStatus.OK:
            raise ServiceError(_message(content, response.status))
        return content

    def events(self, path: str) -> Iterator[tuple[str, Any]]:
        """Yield name and content of server-sent events until the daemon ends."""
        with closing(_Connection(self._path, None)) as connection:
            try:
                connection.request("GET", path)
                response = connection.getresponse()
                if response.status != http.HTTPStatus.OK:
                    raise ServiceError(_message(response.read(_ANSWER_BYTES), response.status))
                name = ""
                for raw in iter(response.readline, b""):
                    line = raw.decode().rstrip("\n")
                    if line.startswith("event: "):
                        name = line.removeprefix("event: ")
                    elif line.startswith("data: "):
                        yield name, json.loads(line.removeprefix("data: "))
            except (OSError, http.client.HTTPException) as error:
                raise ServiceError(f"{self._path}: the daemon is gone: {error}") from error


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _message(content: bytes, status: int) -> str:
    try:
        message = json.loads(content)["error"]
    except (ValueError, KeyError, TypeError):
        message = f"the daemon answered {status}"
    return printable(str(message), _MESSAGE_CHARACTERS)


def running(config: Config) -> Daemon | None:
    """Return the daemon on the configured state, None if none runs.

    Raises :class:`ServiceError` if there is one that this user may not ask.
    """
    path = config.socket_path
    if path is None:
        return None
    with closing(_Connection(path, ASK_SECONDS)) as connection:
        try:
            connection.connect()
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            return None
        except OSError as error:
            raise ServiceError(
                f"{path}: {error.strerror or error}; ask as the daemon's user or a member of its "
                "group"
            ) from error
    return Daemon(path)


@contextmanager
def store(config: Config, *, read_only: bool) -> Iterator[Store]:
    """Give the state where no daemon runs; raises :class:`StateError` if one has it after all."""
    from tinylogbert_daemon.state import Store

    if not (config.state_path / "state.db").exists():
        raise StateError(f"{config.state_path}: holds no state of a daemon; check state_dir")
    try:
        opened = Store(config.state_path, read_only=read_only)
    except StateError as error:
        if "another daemon" in str(error):
            raise StateError(
                f"{config.state_path}: a daemon uses this state, and does not answer at its Unix "
                "socket; see http.socket"
            ) from error
        raise
    try:
        yield opened
    finally:
        opened.close()
