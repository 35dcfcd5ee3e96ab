"""The webhook: Alertmanager's body or a template's, JSON whatever a line holds."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sinks.server import HOSTILE, OK, alert_body, answer, serve
from tinylogbert_daemon.config.sinks import Webhook
from tinylogbert_daemon.config.template import FIELDS, fill
from tinylogbert_daemon.escape import printable
from tinylogbert_daemon.sinks.message import Message
from tinylogbert_daemon.sinks.sink import RefusedError
from tinylogbert_daemon.sinks.webhook import WebhookSink


def sink(url: str = "http://127.0.0.1:1/", **settings: Any) -> WebhookSink:
    return WebhookSink(
        Webhook.model_validate({"enabled": True, "url": url, "timeout_seconds": 5.0, **settings}),
        "web1",
    )


def made(body: str, **settings: Any) -> dict[str, Any]:
    """Return what is posted, as the other side reads it."""
    found: dict[str, Any] = json.loads(
        json.dumps(sink(**settings).body(Message(json.loads(body), "web1")))
    )
    return found


def test_the_body_is_that_of_alertmanager_s_webhooks() -> None:
    with serve(OK) as server:
        opened, closed = alert_body(), alert_body(closed=5000.0)
        assert asyncio.run(sink(server.url).deliver([opened, closed])) == f"{server.url}: 200 OK"
        first, last = (request.json for request in server.requests)
        keys = [request.header("idempotency-key") for request in server.requests]
    assert (first["version"], first["status"], last["status"]) == ("4", "firing", "resolved")
    assert set(first) == {
        *("version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels"),
        *("commonLabels", "commonAnnotations", "externalURL", "alerts"),
    }
    (alert,) = first["alerts"]
    assert alert["startsAt"] == "1970-01-01T00:16:40.000Z"
    assert alert["endsAt"] == "0001-01-01T00:00:00Z"
    assert last["alerts"][0]["endsAt"] == "1970-01-01T01:23:20.000Z"
    assert alert["labels"]["alertname"] == "LogAnomalyStorm"
    assert alert["annotations"]["line"] == "disk failed"
    assert alert["fingerprint"] == last["alerts"][0]["fingerprint"]
    id_ = json.loads(opened)["id"]
    assert keys == [f"{id_}-open", f"{id_}-closed"]


def test_a_template_is_filled_with_typed_values() -> None:
    template = {
        "text": "[${priority}] ${summary} (${score})",
        "n": "${records}",
        "tags": ["log", "${source}", {"ended": "${ended_at}"}],
        "words": "${words}",
        "fixed": 7,
        "cost": "$5 {x} ${",
    }
    assert made(alert_body(), template=template) == {
        "text": "[critical] many unusual lines in app on web1: disk failed (0.9)",
        "n": 3,
        "tags": ["log", "app", {"ended": None}],
        "words": [{"word": "disk failed", "share": 0.6}],
        "fixed": 7,
        "cost": "$5 {x} ${",
    }


def test_a_hostile_line_adds_no_key_and_no_field() -> None:
    template = {"a": "x ${log_text} y ${line}", "b": "${log_text}"}
    hostile = HOSTILE + '", "c": "${id}'
    found = made(alert_body(hostile), template=template)
    assert list(found) == ["a", "b"]
    assert found["b"] == printable(hostile)
    assert found["a"] == f"x {printable(hostile)} y 7"
    escaped = made(alert_body(hostile), template=template, escape="html")
    assert "<" not in escaped["b"] and "&lt;script&gt;" in escaped["b"]
    assert "<" not in json.dumps(made(alert_body(hostile), escape="html"))


@given(st.text(), st.text())
def test_what_is_put_in_is_never_read_again(first: str, second: str) -> None:
    fields = {**dict.fromkeys(FIELDS), "log_text": first, "reason": second}
    filled = fill({"a": "${log_text}|${reason}", "b": "${reason}"}, fields, lambda text: text)
    assert filled == {"a": f"{first}|{second}", "b": second}


def test_a_refusal_is_passed_on() -> None:
    with serve(answer("400 Bad Request")) as server, pytest.raises(RefusedError):
        asyncio.run(sink(server.url).deliver([alert_body()]))


def test_the_address_is_shown_without_its_path() -> None:
    assert sink("https://u:pw@hooks.example.org/services/T0/secret").where == (
        "https://hooks.example.org"
    )
