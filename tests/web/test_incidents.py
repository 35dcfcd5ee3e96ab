"""Incidents over the API: filters, pages, one by its id, and the stream of what changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.web.doubles import ask
from tests.web.histories import BEARER, history_app, incident, soon
from tinylogbert_daemon.errors import ServiceError
from tinylogbert_daemon.web import history
from tinylogbert_daemon.web.shown import shown
from tinylogbert_daemon.web.stream import Hub

INCIDENTS = [
    *(incident(number) for number in range(8)),
    incident(8, source="db", closed=1100.0),
    incident(9, muted=True),
]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    with history_app(tmp_path_factory.mktemp("api") / "state", INCIDENTS) as made:
        yield made


def _get(app: FastAPI, path: str) -> httpx.Response:
    return ask(app, "GET", path, headers=BEARER)


def _lines(answer: httpx.Response) -> list[int]:
    """Return the numbers of the incidents of a page."""
    assert answer.status_code == 200, answer.text
    return [int(one["log_text"].split()[2]) for one in answer.json()["incidents"]]


def test_the_newest_come_first_with_the_documented_fields(app: FastAPI) -> None:
    answer = _get(app, "/api/incidents")
    assert _lines(answer) == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert answer.json()["next"] is None
    assert history.Incidents.model_validate(answer.json()).model_dump() == answer.json()


def test_documented_fields_are_those_that_are_shown() -> None:
    assert history.Incident.model_fields.keys() == shown(INCIDENTS[0]).keys()


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("source=db", [8]),
        ("source=none", []),
        ("open=false", [8]),
        ("open=true&since=1012", [9, 7]),
        ("muted=true", [9]),
        ("muted=false&limit=2", [8, 7]),
        ("since=1013", [9, 8]),
        ("q=DISK%204", [4]),
        ("q=disk%20e%20FAILED", [4]),  # by its text
        ("q=never%20seen&limit=1", [9]),  # by its reason
        ("q=%25", []),  # no wildcards
        ("q=%00", []),
    ],
)
def test_each_filter_leaves_out_what_differs(app: FastAPI, query: str, numbers: list[int]) -> None:
    assert _lines(_get(app, f"/api/incidents?{query}")) == numbers


def test_pages_by_cursor_hold_each_incident_once(app: FastAPI) -> None:
    found, cursor = [], ""
    for _ in range(4):
        answer = _get(app, f"/api/incidents?limit=3{cursor}")
        found += _lines(answer)
        following = answer.json()["next"]
        if following is None:
            break
        cursor = f"&cursor={following}"
    assert found == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]


def test_one_incident_is_found_by_its_id(app: FastAPI) -> None:
    answer = _get(app, f"/api/incidents/{INCIDENTS[9].id}")
    assert answer.json()["muted"] == {
        "feedback": 3,
        "kind": "mute",
        "author": "anna",
        "until": 9000.0,
    }
    assert answer.json()["withheld"] == "muted"
    assert _get(app, "/api/incidents/none").status_code == 404


@pytest.mark.parametrize(
    ("query", "start"),
    [
        ("limit=0", "limit: "),
        ("limit=501", "limit: "),
        ("since=nan", "since: "),
        ("open=maybe", "open: "),
        ("sauce=db", "sauce: unknown field"),
        ("cursor=x", "the cursor is none of ours"),
        ("cursor=W10=", "the cursor is none of ours"),
        (f"q={'x' * 201}", "q: "),
    ],
)
def test_a_wrong_query_is_one_message(app: FastAPI, query: str, start: str) -> None:
    answer = _get(app, f"/api/incidents?{query}")
    assert answer.status_code == 422
    assert answer.json()["error"].startswith(start)


def test_a_state_of_a_version_before_feedback_is_read(tmp_path: Path) -> None:
    from tinylogbert_daemon.state import browse, feedback
    from tinylogbert_daemon.state.store import Store

    with history_app(tmp_path / "state", INCIDENTS):
        pass
    store = Store(tmp_path / "state")
    store.change(lambda db: db.execute("ALTER TABLE incidents DROP COLUMN muted"))
    store.change(lambda db: db.execute("DROP TABLE feedback"))
    store.change(lambda db: db.execute("PRAGMA user_version = 4"))
    store.close()
    store = Store(tmp_path / "state", read_only=True)
    found, _ = store.ask(lambda db: browse.find(db, browse.Filter(is_muted=False)))
    assert len(found) == len(INCIDENTS)
    assert store.ask(feedback.entries) == []
    assert len(store.incidents()) == len(INCIDENTS)
    store.close()


# -- the stream --------------------------------------------------------------------------------


def _events(message: bytes) -> list[tuple[str, Any]]:
    found = []
    for part in message.decode().split("\n\n")[:-1]:
        name, data = part.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def test_a_listener_is_told_of_what_changes_the_last_state_of_each() -> None:
    async def listen() -> list[tuple[str, Any]]:
        hub = Hub()
        messages = hub.listen()
        assert await anext(messages) == b"retry: 3000\n\n"
        hub.publish([incident(1), incident(2)])
        hub.publish([incident(1, closed=2000.0)])
        events = _events(await anext(messages))
        await messages.aclose()  # type: ignore[attr-defined]
        assert hub.listeners == 0
        return events

    events = asyncio.run(listen())
    assert [(name, one["log_text"].split()[2], one["status"]) for name, one in events] == [
        ("incident", "2", "open"),
        ("incident", "1", "closed"),
    ]


def test_a_slow_listener_is_told_how_many_it_has_missed() -> None:
    async def listen() -> list[tuple[str, Any]]:
        hub = Hub(waiting=3)
        messages = hub.listen()
        await anext(messages)
        hub.publish([incident(number) for number in range(8)])
        return _events(await anext(messages))

    events = asyncio.run(listen())
    assert events[0] == ("lost", {"count": 5})
    assert len(events) == 1 + 3


def test_silence_is_broken_by_a_comment() -> None:
    async def listen() -> bytes:
        messages = Hub(heartbeat_seconds=0.001).listen()
        await anext(messages)
        return await anext(messages)

    assert asyncio.run(listen()).startswith(b":")


def test_no_more_listeners_than_allowed_and_a_place_is_free_again_after_one_has_gone() -> None:
    async def listen() -> None:
        hub = Hub(clients=1)
        first = hub.listen()
        await anext(first)
        with pytest.raises(ServiceError, match="1 clients listen already"):
            hub.listen()
        await first.aclose()  # type: ignore[attr-defined]
        await anext(hub.listen())

    asyncio.run(listen())


def test_the_end_of_the_daemon_ends_the_stream(tmp_path: Path) -> None:
    async def listen() -> bytes:
        hub = Hub()
        with history_app(tmp_path / "state", hub=hub) as app:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1:5000"
            ) as client:
                request = asyncio.create_task(client.get("/api/incidents/stream", headers=BEARER))
                while not hub.listeners:
                    await soon()
                hub.publish([incident(1)])
                await asyncio.sleep(0)
                hub.close()
                answer = await request
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        return answer.content

    content = asyncio.run(listen())
    assert content.startswith(b"retry: 3000\n\n")


def test_too_many_listeners_are_answered_503(tmp_path: Path) -> None:
    with history_app(tmp_path / "state", hub=Hub(clients=0)) as app:
        answer = ask(app, "GET", "/api/incidents/stream", headers=BEARER)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
