"""An alert for other systems: an identity that stays, and nothing that acts on its reader."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sinks.server import HOSTILE, alert_body
from tinylogbert_daemon.config.template import FIELDS
from tinylogbert_daemon.escape import printable
from tinylogbert_daemon.privacy import Masker
from tinylogbert_daemon.sinks.content import content
from tinylogbert_daemon.sinks.message import Message, one_line, rfc3339
from tinylogbert_daemon.sinks.trial import trial_alert

OLD = {"id": "1", "score": 0.9, "source": "a", "path": "/a", "log_text": "x", "reason": "r"}


def message(body: str) -> Message:
    return Message(json.loads(body), "web1")


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in strings(one)]
    if isinstance(value, list):
        return [text for one in value for text in strings(one)]
    return [value] if isinstance(value, str) else []


def test_labels_are_the_identity_and_the_rest_may_change() -> None:
    opened, grown, closed = (
        message(alert_body("disk 1 failed")),
        message(alert_body("disk 2 failed")),
        message(alert_body("disk 3 failed", closed=5000.0)),
    )
    assert opened.labels == {
        "alertname": "LogAnomalyStorm",
        "severity": "critical",
        "instance": "web1",
        "source": "app",
        "text_hash": opened.hash,
    }
    assert opened.labels == grown.labels == closed.labels
    assert opened.annotations != grown.annotations
    assert len(opened.hash) == 16
    assert message(alert_body(score=0.6)).priority == "warning"
    # a sink that is told nothing of the text knows it by the same hash
    assert message(content("none", Masker())(alert_body())).hash == opened.hash


def test_annotations_explain() -> None:
    found = message(alert_body()).annotations
    assert found["line"] == "disk failed"
    assert found["score"] == "0.90"
    assert found["reason"].startswith("storm: 2 kinds of unusual lines at once")
    assert found["usual"] == "disk [-disk failed-]"
    assert found["words"] == "disk failed 60%"
    assert found["path"] == "/var/log/app.log:7"
    assert found["summary"] == "many unusual lines in app on web1: disk failed"
    assert message(alert_body(closed=9.0)).annotations["close_reason"] == "quiet"


def test_none_tells_nothing_of_the_text_in_any_form() -> None:
    told = message(content("none", Masker())(alert_body("zebra")))
    said = strings(told.fields()) + strings(told.annotations) + [one_line(told), told.description]
    assert not any("zebra" in text or "disk" in text for text in said)
    assert any(told.hash in text for text in said)


@pytest.mark.parametrize("body", [alert_body(HOSTILE), alert_body(HOSTILE, closed=9.0)])
def test_nothing_of_a_hostile_line_acts_on_anything(body: str) -> None:
    found = message(body)
    texts = strings(found.annotations) + strings(found.labels) + [found.summary, one_line(found)]
    texts += found.description.split("\n")
    fields = found.fields()
    assert fields.pop("description") == found.description
    texts += strings(fields)
    assert any("\\r\\nBcc:" in text for text in texts)
    for text in texts:
        assert printable(text) == text
        assert len(text) <= 5000


def test_masked_hides_secrets_in_every_form() -> None:
    # reason, words and the nearest text name no secret in the first place
    body = alert_body(HOSTILE, reason="r", words=(), nearest=None)
    assert "hunter2" in json.dumps(message(body).fields())
    told = message(content("masked", Masker())(body))
    assert "hunter2" not in json.dumps(told.fields()) + one_line(told) + told.description


def test_every_field_of_a_template_is_there() -> None:
    for body in (alert_body(), alert_body(closed=9.0), json.dumps(OLD), trial_alert()):
        assert list(message(body).fields()) == list(FIELDS)
        json.dumps(message(body).fields())
    assert message(alert_body(closed=9.0)).fields()["state"] == "resolved"


def test_an_alert_of_an_older_version_passes() -> None:
    found = message(json.dumps(OLD))
    assert found.annotations["line"] == "x"
    assert one_line(found).startswith("alert critical score 0.90 a /a:0 line: x; reason: r (1)")
    assert found.description and found.started


def test_a_test_alert_says_so_everywhere() -> None:
    found = message(trial_alert())
    assert found.labels["alertname"] == "TinyLogBERTTest"
    assert "TEST ALERT" in found.summary
    assert one_line(found).startswith("TEST alert warning")
    assert "nothing is wrong" in found.description


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 1e300, -1e300])
def test_a_date_that_no_calendar_has_is_the_epoch(seconds: float) -> None:
    assert rfc3339(seconds) == "1970-01-01T00:00:00.000Z"


def test_times_are_utc() -> None:
    assert rfc3339(1000.5) == "1970-01-01T00:16:40.500Z"
