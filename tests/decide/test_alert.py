"""An alert is one line of JSON, whatever the log held, and a few harmless lines for people."""

from __future__ import annotations

import json
from dataclasses import replace

from tests.decide.anomalies import anomaly
from tinylogbert_daemon.decide.alert import Alert, alert, body, describe, parts
from tinylogbert_daemon.decide.budget import Withheld
from tinylogbert_daemon.decide.difference import Nearest, difference
from tinylogbert_daemon.decide.incident import Incident
from tinylogbert_daemon.decide.storms import Example, Storm
from tinylogbert_daemon.escape import printable

_HOSTILE = "\x1b[2J\n\r\u202e\udcff{0} %s\x00"


def incident(**changes: object) -> Incident:
    nearest = Nearest("disk ready", "app", 0.9, difference("disk ready", "disk failed"))
    first = anomaly("disk failed", nearest=nearest, model="m", reason="reads like an error")
    whole = Incident(first.id, first, 1000.0, 1090.0, 12, "disk 9 failed", alerted=True, peak=0.9)
    return replace(whole, **changes)  # type: ignore[arg-type]


def storm(alone: int = 0, *, more: bool = False) -> Storm:
    examples = tuple(Example(f"line {n}", f"text {n}", 0.6) for n in range(10))
    return Storm(tuple(range(40)), examples, alone, 1000.0, more)


def test_it_holds_every_key_that_is_documented_always() -> None:
    for one in (incident(), incident(storm=storm()), incident(closed=2000.0)):
        for earlier in (None, Withheld((("budget", 2),), 900.0)):
            found = json.loads(body(one, earlier))
            assert list(found) == list(Alert.__annotations__)


def test_opening_and_closing_share_the_id_and_differ_in_status() -> None:
    opening = alert(incident())
    closing = alert(incident(closed=2000.0, close_reason="quiet", suppressed=4))
    assert opening["id"] == closing["id"]
    assert (opening["status"], opening["closed"], opening["close_reason"]) == ("open", None, "")
    assert (closing["status"], closing["closed"], closing["close_reason"]) == (
        *("closed", 2000.0, "quiet"),
    )
    assert (closing["duration"], closing["records"], closing["repeats"]) == (90.0, 12, 4)
    assert (closing["log_text"], closing["last_line"]) == ("disk 1 failed", "disk 9 failed")


def test_the_last_record_has_its_own_time_where_it_has_one() -> None:
    # a block that was caught up with reaches hours further than its last anomaly
    dated = incident(last_line="1970-01-01T00:17:10Z disk 9 failed", last_seen=9000.0)
    assert (alert(dated)["last_seen"], alert(dated)["duration"]) == (1030.0, 30.0)
    for wild in ("2030-01-01T00:00:00Z x", "1969-01-01T00:00:00Z x", "x", ""):
        found = alert(incident(last_line=wild))
        assert 1000.0 <= found["last_seen"] <= 1090.0


def test_what_is_nearest_and_what_was_suppressed() -> None:
    found = alert(incident(), Withheld((("budget", 10), ("storm", 2)), 900.0))
    assert found["nearest"] == {
        "text": "disk ready",
        "source": "app",
        "similarity": 0.9,
        "difference": [["same", "disk"], ["gone", "ready"], ["here", "failed"]],
    }
    assert found["suppressed"] == {
        "count": 12,
        "since": 900.0,
        "reasons": {"budget": 10, "storm": 2},
    }


def test_a_storm_says_how_many_and_shows_some() -> None:
    found = alert(incident(storm=storm()))
    assert found["kind"] == "storm"
    assert found["storm"] is not None
    assert (found["storm"]["texts"], len(found["storm"]["examples"])) == (40, 10)
    assert found["reason"] == (
        "storm: 40 kinds of unusual lines at once, this is the worst; reads like an error"
    )
    found = alert(incident(storm=storm(alone=5)))
    assert found["reason"].startswith("storm: 5 kinds of unusual lines just before; more are")
    found = alert(incident(storm=storm(more=True), closed=2000.0))
    assert found["reason"].startswith("storm: 40 or more kinds of unusual lines were gathered")


def test_whatever_the_log_held_it_is_one_line_of_ascii() -> None:
    nearest = Nearest(_HOSTILE, "app", 0.9, (("gone", _HOSTILE),))
    first = replace(
        incident().first, first_line=_HOSTILE, path=_HOSTILE, text=_HOSTILE, nearest=nearest
    )
    examples = (Example(_HOSTILE, _HOSTILE, 0.5),)
    one = incident(first=first, last_line=_HOSTILE, storm=Storm((1,), examples, 0, 0.0))
    written = body(one)
    assert written.isascii() and "\n" not in written
    assert json.loads(written)["log_text"] == _HOSTILE
    for line in describe(json.loads(written)).split("\n"):
        assert printable(line) == line


def test_people_are_told_in_a_few_lines() -> None:
    found = describe(alert(incident(), Withheld((("budget", 1),), 900.0)))
    assert found.split("\n") == [
        "1970-01-01 00:16:40Z  app  score 0.90",
        "  line    disk 1 failed",
        "  reason  reads like an error",
        "  usual   disk [-ready-] {+failed+}",
        "  count   12 lines in 90 s",
        "  last    disk 9 failed",
        "  note    1 alert of this source suppressed since 1970-01-01 00:15:00Z (budget 1)",
    ]
    closed = describe(alert(incident(closed=5000.0, close_reason="quiet")))
    assert closed.split("\n")[0].endswith("closed: quiet")
    assert [name for name, _ in parts(alert(incident(storm=storm(), records=1)))] == [
        *("line", "reason", "usual", "also", "also", "also"),
    ]


def test_an_alert_of_the_first_version_is_shown_too() -> None:
    old = {"time": 0.0, "source": "a", "score": 0.7, "log_text": "x", "reason": "new", "records": 1}
    assert [name for name, _ in parts(old)] == ["line", "reason"]
    assert describe(old).startswith("1970")
