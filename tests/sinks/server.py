"""A real HTTP server on loopback whose answers are chosen, and alerts to send to it."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from tests.decide.anomalies import anomaly
from tinylogbert_daemon.decide.alert import body
from tinylogbert_daemon.decide.difference import Nearest
from tinylogbert_daemon.decide.incident import Incident
from tinylogbert_daemon.decide.storms import Example, Storm

HOSTILE = (
    "a\r\nBcc: all@example.org\r\n\r\n.\r\n<script>alert(1)</script> ${id} {0} %s {{ 7*7 }} \\ \" '"
    " \x1b[2J\x00\u202e\ud800 password=hunter2 @everyone `id` $(id)"
)


def alert_body(
    line: str = "disk failed", *, closed: float | None = None, score: float = 0.9, **changes: Any
) -> str:
    """Return the alert of a storm in whose every text ``line`` stands."""
    explained: dict[str, Any] = {
        "first_line": line,
        "reason": f'reads like trouble; least expected: "{line}" 60%',
        "words": ((line, 0.6),),
        "nearest": Nearest("disk", "app", 0.9, (("same", "disk"), ("gone", line))),
    }
    first = replace(anomaly("disk failed", score=score), **{**explained, **changes})
    storm = Storm((1, 2), (Example(line, first.text, 0.9), Example(f"{line}!", "b", 0.8)), 0, 1.0)
    reason = "" if closed is None else "quiet"
    return body(
        Incident(
            first.id, first, 1.0, 2.0, 3, f"{line}?", True, closed, reason, peak=0.9, storm=storm
        )
    )


@dataclass
class Request:
    """What a client has sent."""

    head: str
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str:
        lines = [line.partition(": ") for line in self.head.split("\r\n")[1:]]
        (found,) = (value for key, _, value in lines if key.lower() == name.lower())
        return found


@dataclass
class Server:
    """Answers each connection with the next of ``answers``, the last one for ever.

    An answer is the bytes of it, or a function that is handed the connection.
    """

    answers: list[bytes | Callable[[socket.socket], None]]
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def answer(status: str, *headers: str, content: bytes = b"") -> bytes:
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *headers))
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


OK = answer("200 OK")


@contextmanager
def serve(
    *answers: bytes | Callable[[socket.socket], None], tls: ssl.SSLContext | None = None
) -> Iterator[Server]:
    server = Server(list(answers))
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    server.port = listener.getsockname()[1]

    def run() -> None:
        while not server.over.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            connection.settimeout(10)
            try:
                if tls is not None:
                    connection = tls.wrap_socket(connection, server_side=True)
                _answer(server, connection)
            except OSError:
                pass
            finally:
                connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        thread.join()
        listener.close()


def _answer(server: Server, connection: socket.socket) -> None:
    received = b""
    while b"\r\n\r\n" not in received:
        if not (part := connection.recv(65536)):
            return
        received += part
    head, _, content = received.partition(b"\r\n\r\n")
    request = Request(head.decode("ascii"), content)
    while len(request.body) < int(request.header("content-length")):
        request.body += connection.recv(65536)
    server.requests.append(request)
    chosen = server.answers[0] if len(server.answers) == 1 else server.answers.pop(0)
    if callable(chosen):
        chosen(connection)
    else:
        connection.sendall(chosen)
