"""Who may ask, how much, and how many at once."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from tests.web.doubles import BASE, StubDetector, ask, client, make_app
from tinylogbert_daemon.web.guard import BODY_BYTES, WAITING, Guard

DETECT = "/api/anomaly/detect"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:5000", "localhost", "LOCALHOST:8080", "[::1]", "[::1]:5000"],
)
def test_loopback_names_are_answered(host: str) -> None:
    assert ask(make_app(), "GET", "/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:5000",
        "localhost@evil.example",
        "localhost:",
        "127.0.0.2",
        "::1",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/docs", "/openapi.json", "/nothing"])
def test_other_host_names_are_refused_everywhere(host: str, path: str) -> None:
    answer = ask(make_app(), "GET", path, headers={"host": host})
    assert answer.status_code == 400
    assert "Host" in answer.json()["error"]


def test_two_host_headers_are_refused() -> None:
    headers = [("host", "localhost"), ("host", "evil.example")]
    assert ask(make_app(), "GET", "/healthz", headers=headers).status_code == 400


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://127.0.0.1:5000",
        "http://127.0.0.1:3000",
        "http://localhost:5000",
        "null",
        "",
    ],
)
def test_pages_of_other_origins_are_refused(origin: str) -> None:
    detector = StubDetector()
    answer = ask(
        make_app(detector), "POST", DETECT, json={"log_text": "x"}, headers={"origin": origin}
    )
    assert answer.status_code == 403
    assert detector.calls == []


def test_a_page_of_our_own_is_answered() -> None:
    answer = ask(make_app(), "POST", DETECT, json={"log_text": "x"}, headers={"origin": BASE})
    assert answer.status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "json"])
def test_a_body_that_is_not_declared_json_is_refused(kind: str) -> None:
    headers = {"content-type": kind}
    answer = ask(make_app(), "POST", DETECT, content=b'{"log_text": "x"}', headers=headers)
    assert answer.status_code == 415
    assert "application/json" in answer.json()["error"]


def test_a_charset_after_the_type_is_taken() -> None:
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    answer = ask(make_app(), "POST", DETECT, content=b'{"log_text": "x"}', headers=headers)
    assert answer.status_code == 200


def test_a_body_larger_than_the_limit_is_refused_by_its_declared_length() -> None:
    body = b'{"log_text": "' + b"x" * BODY_BYTES + b'"}'
    headers = {"content-type": "application/json"}
    answer = ask(make_app(), "POST", DETECT, content=body, headers=headers)
    assert answer.status_code == 413
    assert answer.json() == {"error": "the body is larger than 1024 KiB"}


def test_a_body_without_a_length_is_read_no_further_than_the_limit() -> None:
    sent = 0

    async def endless() -> Message:
        nonlocal sent
        sent += 65_536
        return {"type": "http.request", "body": b" " * 65_536, "more_body": True}

    assert asyncio.run(_status_of(make_app(), endless)) == 413
    assert sent <= BODY_BYTES + 2 * 65_536


def test_a_body_that_does_not_come_is_given_up() -> None:
    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    assert asyncio.run(_status_of(Guard(make_app(), body_seconds=0.01), never)) == 408


def test_a_client_that_leaves_in_the_middle_is_not_answered() -> None:
    async def gone() -> Message:
        return {"type": "http.disconnect"}

    assert asyncio.run(_status_of(make_app(), gone)) is None


async def _status_of(app: object, receive: Receive) -> int | None:
    status = None

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]

    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": DETECT,
        "raw_path": DETECT.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
        "server": ("127.0.0.1", 5000),
        "client": ("127.0.0.1", 40_000),
    }
    assert callable(app)
    await app(scope, receive, send)
    return status


def test_too_many_waiting_requests_are_told_when_to_come_back() -> None:
    async def scenario() -> tuple[httpx.Response, httpx.Response, list[httpx.Response]]:
        detector = StubDetector(gate=asyncio.Event())
        assert detector.gate is not None
        async with client(make_app(detector)) as http:
            held = [
                asyncio.create_task(http.post(DETECT, json={"log_text": str(i)}))
                for i in range(WAITING)
            ]
            while len(detector.calls) < WAITING:
                await asyncio.sleep(0)
            refused = await http.post(DETECT, json={"log_text": "one more"})
            # whoever watches the daemon is answered all the same
            health = await http.get("/healthz")
            detector.gate.set()
            answers = await asyncio.gather(*held)
            answers.append(await http.post(DETECT, json={"log_text": "later"}))
            return refused, health, answers

    refused, health, answers = asyncio.run(scenario())
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    assert health.status_code == 200
    assert {answer.status_code for answer in answers} == {200}


def test_answers_are_not_to_be_kept_guessed_at_or_framed() -> None:
    for answer in (
        ask(make_app(), "GET", "/api/status"),
        ask(make_app(), "GET", "/nothing"),
        ask(make_app(), "GET", "/healthz", headers={"host": "evil.example"}),
    ):
        assert "server" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_what_is_no_http_request_is_passed_on() -> None:
    seen = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        raise AssertionError

    asyncio.run(Guard(inner)({"type": "lifespan"}, receive, send))
    assert seen == ["lifespan"]
