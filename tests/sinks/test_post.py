"""One HTTP request: what it says, what it takes for failed and for how long, what stays secret."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.sinks.server import OK, Server, answer, serve
from tinylogbert_daemon.config.endpoint import endpoint
from tinylogbert_daemon.config.sinks import Credentials
from tinylogbert_daemon.sinks.post import BODY_BYTES, HEAD_BYTES, post
from tinylogbert_daemon.sinks.sink import BusyError, RefusedError

SECRET = "s3cr3t-in-the-path"


def send(server: Server, *, url: str = "", body: bytes = b"{}", **credentials: Any) -> str:
    address = endpoint(url or f"{server.url}/{SECRET}?key={SECRET}")
    given = Credentials(**{"timeout_seconds": 5.0, **credentials})
    headers = {"X-Key": SecretStr(SECRET)}
    try:
        return asyncio.run(post(address, body, given, headers, {"Idempotency-Key": "7"}))
    except OSError as error:
        assert SECRET not in str(error) + repr(error)
        raise


def test_a_request_says_all_that_is_configured(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("abc.def\n")
    with serve(answer("202 Accepted")) as server:
        assert send(server, body=b'{"a": 1}', token_file=str(token)) == "202 Accepted"
        (request,) = server.requests
        assert request.head.startswith(f"POST /{SECRET}?key={SECRET} HTTP/1.1\r\n")
        assert request.json == {"a": 1}
        assert request.header("Host") == f"127.0.0.1:{server.port}"
        assert request.header("Content-Type") == "application/json"
        assert request.header("Authorization") == "Bearer abc.def"
        assert request.header("X-Key") == SECRET
        assert request.header("Idempotency-Key") == "7"
        # the file is read anew: a token may be replaced
        token.write_text("xyz")
        send(server, token_file=str(token))
        assert server.requests[1].header("Authorization") == "Bearer xyz"


def test_user_and_password_from_a_file_or_the_url(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("p w:d\n")
    with serve(OK) as server:
        send(server, user="me", password_file=str(password))
        send(server, url=f"http://you:p%40ss@127.0.0.1:{server.port}/")
        said = [
            request.header("Authorization").removeprefix("Basic ") for request in server.requests
        ]
        assert [base64.b64decode(one) for one in said] == [b"me:p w:d", b"you:p@ss"]
        assert "p%40ss" not in server.requests[1].head


@pytest.mark.parametrize("content", ["", "a\nb", "a\r\nX: y", "\x00", "é", "x" * 20_000])
def test_a_secret_that_would_not_be_one_header_is_not_sent(tmp_path: Path, content: str) -> None:
    token = tmp_path / "token"
    token.write_text(content)
    with serve(OK) as server:
        with pytest.raises(OSError, match="must hold one line") as raised:
            send(server, token_file=str(token))
        assert server.requests == []
        with pytest.raises(OSError, match="cannot read the secret: No such file"):
            send(server, token_file=str(tmp_path / "none"))
    assert not content or content not in str(raised.value)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 301, 302, 307, 308])
def test_what_trying_again_will_not_change_is_refused(status: int) -> None:
    moved = answer(f"{status} No", "Location: http://127.0.0.1:1/", content=b"because\r\n of it")
    with serve(moved) as server:
        with pytest.raises(RefusedError, match=f"answered {status} No") as raised:
            send(server)
        assert raised.value.answer == "because of it"
        assert "because" not in str(raised.value)
        assert len(server.requests) == 1  # no redirect is followed
        assert ("redirects are not followed" in str(raised.value)) is (status < 400)


@pytest.mark.parametrize("status", [500, 502, 504, 599])
def test_a_server_s_own_failure_is_tried_again(status: int) -> None:
    failed = pytest.raises(ConnectionError, match=f"answered {status} Oops")
    with serve(answer(f"{status} Oops")) as server, failed:
        send(server)


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [
        (429, "Retry-After: 120", 120.0),
        (503, "Retry-After: 5", 5.0),
        (429, "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        (429, "Retry-After: soon", 0.0),
        (408, "X: y", 0.0),
    ],
)
def test_a_busy_server_says_how_long_to_wait(status: int, header: str, seconds: float) -> None:
    with serve(answer(f"{status} Busy", header)) as server:
        with pytest.raises(BusyError, match=f"answered {status} Busy") as raised:
            send(server)
        assert raised.value.seconds == seconds


def _close(_: socket.socket) -> None:
    pass


def _hang(connection: socket.socket) -> None:
    # until the client goes
    connection.recv(1)


def _drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X: y\r\n")
        time.sleep(0.05)


def _endless_head(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: " + b"y" * HEAD_BYTES)


def _endless_body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 400 Bad\r\n\r\n")
    while True:
        connection.sendall(b"<b>\x1b" * BODY_BYTES)


@pytest.mark.parametrize("behaviour", [_hang, _drip])
def test_a_server_that_hangs_or_drips_is_left_after_the_timeout(behaviour: Any) -> None:
    with serve(behaviour) as server:
        before = time.monotonic()
        with pytest.raises(TimeoutError, match=r"no answer within 0\.3 s"):
            send(server, timeout_seconds=0.3)
        assert time.monotonic() - before < 3


@pytest.mark.parametrize(
    "behaviour",
    [_close, _endless_head, b"hello\r\n\r\n", b"HTTP/1.1 OK\r\n\r\n", b"HTTP/2 200 OK\r\n\r\n"],
)
def test_what_is_no_http_is_tried_again(behaviour: Any) -> None:
    with serve(behaviour) as server, pytest.raises(ConnectionError):
        send(server)


def test_an_endless_body_is_read_a_little_way_and_shown_safely() -> None:
    with serve(_endless_body) as server:
        with pytest.raises(RefusedError) as raised:
            send(server)
        assert len(raised.value.answer) <= 300
        assert "\x1b" not in raised.value.answer


def test_an_answer_that_never_closes_is_not_waited_for() -> None:
    def answer_and_hang(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 Fine\r\nContent-Length: 99999\r\n\r\n")
        connection.recv(1)

    with serve(answer_and_hang) as server:
        assert send(server, timeout_seconds=5.0) == "200 Fine"


def test_an_interim_answer_is_passed_over() -> None:
    with serve(b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + OK) as server:
        assert send(server) == "200 OK"


def test_a_large_request_is_answered_before_it_was_read() -> None:
    with serve(OK) as server:
        assert send(server, body=b"x" * 3_000_000) == "200 OK"
        assert len(server.requests[0].body) == 3_000_000


def test_nobody_there_names_the_place_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(ConnectionError) as raised:
        asyncio.run(
            post(endpoint(f"http://u:{SECRET}@127.0.0.1:{port}/{SECRET}"), b"", Credentials())
        )
    assert str(raised.value) == f"http://127.0.0.1:{port}: Connection refused"
    assert SECRET not in str(raised.value)


def test_the_environment_s_proxies_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with serve(OK) as server:
        assert send(server) == "200 OK"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1, signed by itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    try:
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"),
                *("ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=test"),
                *("-keyout", key, "-out", certificate),
                *("-addext", "subjectAltName=IP:127.0.0.1"),
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    return certificate, key


def test_certificates_and_names_are_checked(certificate: tuple[Path, Path]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with serve(OK, tls=context) as server:
        url = f"https://127.0.0.1:{server.port}/"
        with pytest.raises(ConnectionError, match="self-signed certificate"):
            send(server, url=url)
        assert send(server, url=url, ca_file=str(certificate[0])) == "200 OK"
        # of another host
        with pytest.raises(
            ConnectionError, match=r"(?i)hostname mismatch|not valid for 'localhost'"
        ):
            send(server, url=f"https://localhost:{server.port}/", ca_file=str(certificate[0]))
        with pytest.raises(ConnectionError):
            send(server, url=url, ca_file="/none.pem")
    with serve(OK) as plain, pytest.raises(OSError, match="no answer"):
        send(plain, url=f"https://127.0.0.1:{plain.port}/", timeout_seconds=0.5)
    assert plain.requests == []
