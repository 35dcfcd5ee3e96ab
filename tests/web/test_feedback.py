"""Feedback over the API: given, listed, undone, exported and imported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.web.doubles import ask
from tests.web.histories import BEARER, NOW, history_app, incident
from tinylogbert_daemon.decide.feedback import NEAR
from tinylogbert_daemon.model.scorer import text_key
from tinylogbert_daemon.web import history

INCIDENT = incident(1)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[FastAPI]:
    with history_app(tmp_path / "state", [INCIDENT]) as made:
        yield made


def _post(app: FastAPI, path: str = "/api/feedback", **body: Any) -> httpx.Response:
    return ask(app, "POST", path, headers=BEARER, json=body)


def _list(app: FastAPI, query: str = "") -> Any:
    return ask(app, "GET", f"/api/feedback{query}", headers=BEARER).json()


def test_an_incident_is_muted_for_a_time(app: FastAPI) -> None:
    answer = _post(
        app, kind="mute", incident=INCIDENT.id, seconds=60, author="anna", note="planned"
    )
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "number": 1,
        "kind": "mute",
        "key": f"{INCIDENT.first.key:016x}",
        "text": INCIDENT.first.text,
        "sample": INCIDENT.first.first_line,
        "near": None,
        "created": NOW,
        "expires": NOW + 60,
        "author": "anna",
        "note": "planned",
        "undone": None,
        "undone_by": "",
        "active": True,
    }
    assert history.Feedback.model_validate(answer.json()).model_dump() == answer.json()


def test_a_line_is_normal_and_what_is_near_it(app: FastAPI) -> None:
    answer = _post(app, kind="normal", log_text="sshd[12]: closed by 10.0.0.1", near=True).json()
    assert answer["text"] == "sshd [num] closed by [ip]"
    assert answer["key"] == f"{text_key(answer['text']):016x}"
    assert answer["near"] == NEAR
    assert answer["expires"] is None


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"kind": "mute", "log_text": "x y"}, 422, "a mute is for a time"),
        ({"kind": "normal"}, 422, "name one of the two"),
        ({"kind": "normal", "log_text": "x y", "incident": "a"}, 422, "name one of the two"),
        ({"kind": "normal", "incident": "none"}, 404, "no incident has that id"),
        ({"kind": "normal", "log_text": " "}, 422, "the line is empty"),
        ({"kind": "good", "log_text": "x"}, 422, "kind: "),
        ({"kind": "normal", "log_text": "x", "similarity": 0.4}, 422, "similarity: "),
        ({"kind": "mute", "log_text": "x", "seconds": 0}, 422, "seconds: "),
        ({"kind": "normal", "log_text": "x", "author": "a" * 101}, 422, "author: "),
        ({"kind": "normal", "log_text": "x", "who": "a"}, 422, "who: unknown field"),
    ],
)
def test_wrong_feedback_is_one_message(
    app: FastAPI, body: dict[str, Any], status: int, message: str
) -> None:
    answer = _post(app, **body)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"].startswith(message)
    assert _list(app)["entries"] == []


def test_what_is_undone_stays_in_the_trail(app: FastAPI) -> None:
    _post(app, kind="normal", log_text="disk a failed")
    answer = ask(app, "DELETE", "/api/feedback/1?author=ben", headers=BEARER)
    assert (answer.json()["undone"], answer.json()["undone_by"]) == (NOW + 1, "ben")
    assert [one["active"] for one in _list(app)["entries"]] == [False]
    assert _list(app, "?active=true")["entries"] == []
    again = ask(app, "DELETE", "/api/feedback/1", headers=BEARER)
    assert again.status_code == 422
    assert ask(app, "DELETE", "/api/feedback/2", headers=BEARER).status_code == 404
    largest = ask(app, "DELETE", f"/api/feedback/{2**63 - 1}", headers=BEARER)
    assert largest.status_code == 404


def test_pages_hold_each_entry_once(app: FastAPI) -> None:
    for word in ("one", "two", "three"):
        _post(app, kind="normal", log_text=f"disk {word}")
    first = _list(app, "?limit=2")
    second = _list(app, f"?limit=2&before={first['next']}")
    assert [one["number"] for one in first["entries"] + second["entries"]] == [3, 2, 1]
    assert second["next"] is None


def test_what_is_exported_can_be_imported_once(app: FastAPI, tmp_path: Path) -> None:
    _post(app, kind="mute", incident=INCIDENT.id, seconds=60, author="anna")
    _post(app, kind="real", log_text="disk x failed", near=True)
    ask(app, "DELETE", "/api/feedback/2", headers=BEARER)
    export = ask(app, "GET", "/api/feedback/export", headers=BEARER)
    assert export.headers["content-type"].startswith("application/x-ndjson")
    entries = [json.loads(line) for line in export.text.splitlines()]
    assert [one["number"] for one in entries] == [1, 2]
    with history_app(tmp_path / "other") as other:
        answer = _post(other, "/api/feedback/import", entries=entries)
        assert answer.json() == {"imported": 2, "known": 0}
        assert _list(other) == _list(app)
        again = _post(other, "/api/feedback/import", entries=entries)
        assert again.json() == {"imported": 0, "known": 2}


@pytest.mark.parametrize("change", [{"key": "f" * 16}, {"key": "1"}, {"near": 2.0}, {"kind": "x"}])
def test_a_wrong_entry_of_an_import_is_refused(app: FastAPI, change: dict[str, Any]) -> None:
    _post(app, kind="normal", log_text="disk x failed")
    entry = _list(app)["entries"][0] | change
    answer = _post(app, "/api/feedback/import", entries=[entry])
    assert answer.status_code == 422
    assert answer.json()["error"].startswith(f"entries.0.{next(iter(change))}: ")
