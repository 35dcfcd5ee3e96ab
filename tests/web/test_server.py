"""A real server on a real socket: what it answers, refuses, waits for, and how it ends."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.web.doubles import StubDetector, make_app
from tinylogbert_daemon.errors import ServiceError
from tinylogbert_daemon.web import server


@asynccontextmanager
async def _running(app: Any) -> AsyncIterator[socket.socket]:
    sock = server.bind("127.0.0.1", 0)
    stop = asyncio.Event()
    task = asyncio.create_task(server.serve(app, sock, stop))
    try:
        yield sock
    finally:
        stop.set()
        await task


async def _exchange(sock: socket.socket, request: bytes) -> bytes:
    """Send ``request`` as it is and return all that comes until the server closes."""
    reader, writer = await asyncio.open_connection(*sock.getsockname()[:2])
    writer.write(request)
    await writer.drain()
    try:
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


def test_it_answers_over_tcp_and_names_no_server() -> None:
    async def scenario() -> httpx.Response:
        async with (
            _running(make_app()) as sock,
            httpx.AsyncClient(base_url=server.url(sock), trust_env=False) as http,
        ):
            return await http.post("/api/anomaly/detect", json={"log_text": "x"})

    answer = asyncio.run(scenario())
    assert answer.json()["log_text"] == "x"
    assert "server" not in answer.headers


def test_it_answers_over_ipv6() -> None:
    try:
        sock = server.bind("::1", 0)
    except ServiceError as error:
        pytest.skip(str(error))

    async def scenario() -> int:
        stop = asyncio.Event()
        task = asyncio.create_task(server.serve(make_app(), sock, stop))
        async with httpx.AsyncClient(base_url=server.url(sock), trust_env=False) as http:
            answer = await http.get("/healthz")
        stop.set()
        await task
        return answer.status_code

    assert asyncio.run(scenario()) == 200


def test_the_stop_ends_it_at_once_when_nothing_is_under_way() -> None:
    async def scenario() -> float:
        async with _running(make_app()) as sock:
            await _exchange(sock, b"GET /healthz HTTP/1.0\r\nhost: localhost\r\n\r\n")
            started = time.monotonic()
        return time.monotonic() - started

    assert asyncio.run(scenario()) < server.GRACE_SECONDS


def test_the_stop_lets_requests_under_way_end_and_closes_the_socket() -> None:
    async def scenario() -> tuple[int, int]:
        detector = StubDetector(gate=asyncio.Event())
        assert detector.gate is not None
        sock = server.bind("127.0.0.1", 0)
        stop = asyncio.Event()
        task = asyncio.create_task(server.serve(make_app(detector), sock, stop))
        async with httpx.AsyncClient(base_url=server.url(sock), trust_env=False) as http:
            post = asyncio.create_task(http.post("/api/anomaly/detect", json={"log_text": "x"}))
            while not detector.calls:
                await asyncio.sleep(0.01)
            stop.set()
            while sock.fileno() >= 0:
                await asyncio.sleep(0.01)
            detector.gate.set()
            answer = await post
        await task
        return answer.status_code, sock.fileno()

    assert asyncio.run(scenario()) == (200, -1)


def test_a_request_that_never_ends_holds_the_stop_for_the_grace_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "GRACE_SECONDS", 0.1)

    async def scenario() -> float:
        detector = StubDetector(gate=asyncio.Event())
        body = b'{"log_text": "x"}'
        head = (
            b"POST /api/anomaly/detect HTTP/1.1\r\nhost: localhost\r\n"
            b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        )
        async with _running(make_app(detector)) as sock:
            held = asyncio.create_task(_exchange(sock, head + body))
            while not detector.calls:
                await asyncio.sleep(0.01)
            started = time.monotonic()
        await held
        return time.monotonic() - started

    assert asyncio.run(scenario()) < server.GRACE_SECONDS + 2


def test_a_cancelled_server_leaves_nothing_listening() -> None:
    async def scenario() -> None:
        sock = server.bind("127.0.0.1", 0)
        port = sock.getsockname()[1]
        task = asyncio.create_task(server.serve(make_app(), sock, asyncio.Event()))
        await _exchange(sock, b"GET / HTTP/1.0\r\n\r\n")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)

    asyncio.run(scenario())


def test_signals_stay_with_the_caller() -> None:
    async def scenario() -> bool:
        received = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, received.set)
        async with _running(make_app()) as sock:
            await _exchange(sock, b"GET / HTTP/1.0\r\n\r\n")
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(received.wait(), 5)
            answer = await _exchange(sock, b"GET /healthz HTTP/1.0\r\nhost: localhost\r\n\r\n")
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
        return b"200 OK" in answer

    assert asyncio.run(scenario())


@pytest.mark.parametrize("start", [b"", b"GET /healthz HT", b"GET / HTTP/1.1\r\nhost: local"])
def test_a_request_that_does_not_arrive_is_given_up(
    start: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "REQUEST_SECONDS", 0.05)

    async def scenario() -> bytes:
        async with _running(make_app()) as sock:
            return await asyncio.wait_for(_exchange(sock, start), 5)

    assert asyncio.run(scenario()) == b""


def test_a_resting_connection_is_kept_and_then_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "KEEP_ALIVE_SECONDS", 0.2)
    request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"

    async def scenario() -> bytes:
        async with _running(make_app()) as sock:
            reader, writer = await asyncio.open_connection(*sock.getsockname()[:2])
            writer.write(request)
            answers = await reader.readuntil(b"}")
            writer.write(request)
            answers += await asyncio.wait_for(reader.read(), 5)
            writer.close()
            await writer.wait_closed()
            return answers

    assert asyncio.run(scenario()).count(b"200 OK") == 2


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        b"GET /" + b"x" * 17_000,
        b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"y" * 17_000,
    ],
)
def test_what_is_no_proper_request_is_refused_and_logged_nowhere(
    request_: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    async def scenario() -> bytes:
        async with _running(make_app()) as sock:
            return await asyncio.wait_for(_exchange(sock, request_), 5)

    assert asyncio.run(scenario()).startswith(b"HTTP/1.1 400 ")
    assert capfd.readouterr() == ("", "")


def test_connections_beyond_the_limit_are_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CONNECTIONS", 2)

    async def scenario() -> bytes:
        async with _running(make_app()) as sock:
            idle = [await asyncio.open_connection(*sock.getsockname()[:2]) for _ in range(2)]
            answer = await _exchange(sock, b"GET /healthz HTTP/1.0\r\nhost: localhost\r\n\r\n")
            for _, writer in idle:
                writer.close()
                await writer.wait_closed()
            return answer

    assert b" 503 " in asyncio.run(scenario()).splitlines()[0]


def test_a_client_that_does_not_read_its_answer_loses_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(server, "CONNECTIONS", 2)
    body = json.dumps({"log_texts": ["x" * 900] * 1000}).encode()
    head = (
        b"POST /api/anomaly/batch_detect HTTP/1.1\r\nhost: localhost\r\n"
        b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    )

    async def scenario() -> tuple[bytes, list[bytes]]:
        async with _running(make_app()) as sock:
            # the kernel takes megabytes where it is let
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            with socket.socket() as deaf:
                deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                deaf.setblocking(False)
                loop = asyncio.get_running_loop()
                await loop.sock_connect(deaf, sock.getsockname())
                await loop.sock_sendall(deaf, head + body)
                start = await loop.sock_recv(deaf, 15)
                answers = [b""]
                async with asyncio.timeout(10):
                    while b" 200 " not in answers[-1]:
                        answers.append(
                            await _exchange(
                                sock, b"GET /healthz HTTP/1.0\r\nhost: localhost\r\n\r\n"
                            )
                        )
                        await asyncio.sleep(0.01)
                return start, answers[1:]

    start, answers = asyncio.run(scenario())
    assert start == b"HTTP/1.1 200 OK"
    # while it is there it is one too many
    assert b" 503 " in answers[0]


def test_a_port_in_use_is_one_clear_line() -> None:
    with server.bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServiceError) as caught:
            server.bind("127.0.0.1", port)
    assert str(caught.value) == (
        f"127.0.0.1:{port}: address in use; another program listens there; set http.port"
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "2001:db8::1"])
def test_an_address_that_others_can_reach_is_refused(host: str) -> None:
    with pytest.raises(ServiceError, match=r"not a loopback address; set http\.host"):
        server.bind(host, 0)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "127.0.0.1.5", "a" * 70, "\udcff"])
def test_a_host_that_is_no_address_is_refused(host: str) -> None:
    with pytest.raises(ServiceError, match="no such address"):
        server.bind(host, 0)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EACCES, "permission denied; ports below 1024 are for root; set http.port"),
        (errno.EADDRNOTAVAIL, "this host has no such address"),
        (errno.EMFILE, "cannot listen there: Too many open files"),
    ],
)
def test_other_failures_to_bind_are_one_clear_line(
    number: int, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(socket.socket, "bind", fail)
    with pytest.raises(ServiceError, match=r"^127\.0\.0\.1:80: " + reason):
        server.bind("127.0.0.1", 80)


def test_a_port_can_be_bound_again_after_its_connections_were_closed() -> None:
    async def scenario() -> int:
        async with _running(make_app()) as sock:
            port: int = sock.getsockname()[1]
            await _exchange(sock, b"GET / HTTP/1.0\r\n\r\n")  # closed by the server: TIME_WAIT
            return port

    server.bind("127.0.0.1", asyncio.run(scenario())).close()
