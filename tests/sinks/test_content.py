"""What each sink is told of a line: all that is kept, without secrets, or nothing."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from tests.decide.anomalies import anomaly
from tests.state.effects import block_effects
from tinylogbert_daemon import logs
from tinylogbert_daemon.config.sinks import Content
from tinylogbert_daemon.decide.alert import body
from tinylogbert_daemon.decide.difference import Nearest
from tinylogbert_daemon.decide.incident import Incident
from tinylogbert_daemon.decide.storms import Example, Storm
from tinylogbert_daemon.metrics import Metrics
from tinylogbert_daemon.privacy import Masker
from tinylogbert_daemon.sinks.content import content
from tinylogbert_daemon.sinks.delivery import Delivery
from tinylogbert_daemon.sinks.jsonl import JsonlSink
from tinylogbert_daemon.sinks.log import LogSink
from tinylogbert_daemon.sinks.sink import Outlet, Sink
from tinylogbert_daemon.state import Store

LINE = "zebra: login with password=hunter2 failed"


def _body() -> str:
    """Return the alert of a storm whose lines are kept with their secrets."""
    first = replace(
        anomaly("zebra login with password [id] failed"),
        first_line=LINE,
        reason='reads like trouble; never seen on this host; least expected: "zebra" 60%',
        words=(("zebra", 0.6),),
        nearest=Nearest("zebra login", "app", 0.9, (("same", "zebra"), ("here", "failed"))),
    )
    storm = Storm((1, 2), (Example(LINE, first.text, 0.9), Example("zebra", "zebra", 0.8)), 0, 1.0)
    last = "zebra: again with password=hunter3"
    return body(Incident(first.id, first, 1.0, 2.0, 3, last, True, peak=0.9, storm=storm))


def test_masked_hides_the_secrets_of_every_raw_line() -> None:
    told = content("masked", Masker())(_body())
    assert "hunter" not in told
    found = json.loads(told)
    assert found["log_text"] == LINE.replace("hunter2", "[masked:password]")
    assert found["storm"]["examples"][0]["log_text"] == found["log_text"]
    assert found["last_line"] == "zebra: again with password=[masked:password]"
    assert found["reason"].endswith('least expected: "zebra" 60%')
    assert content("masked", Masker())(told) == told


def test_full_is_what_is_kept() -> None:
    assert content("full", Masker())(_body()) == _body()


def test_none_sends_nothing_of_the_text() -> None:
    told = content("none", Masker())(_body())
    assert not any(word in told for word in ("zebra", "hunter", "login", "failed"))
    found, before = json.loads(told), json.loads(_body())
    assert found["reason"].endswith("reads like trouble; never seen on this host")
    same = ("id", "score", "source", "path", "offset", "line", "records", "status", "severity")
    assert [found[key] for key in same] == [before[key] for key in same]
    assert len(found["hash"]) == 16
    assert json.loads(content("none", Masker())(_body()))["hash"] == found["hash"]


def test_an_alert_of_an_older_version_passes(capsys: pytest.CaptureFixture[str]) -> None:
    old = {"id": "1", "score": 0.9, "source": "a", "path": "/a", "log_text": "x", "reason": "r"}
    for kind in ("full", "masked", "none"):
        logs.configure("info", "json")
        told = content(kind, Masker())(json.dumps(old))
        asyncio.run(LogSink().deliver([told]))
        said = json.loads(capsys.readouterr().err)
        assert ("line" in said) is (kind != "none")
        assert ("hash" in said) is (kind == "none")


def test_two_sinks_are_told_different_things(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("info", "json")
    store = Store(tmp_path)
    effects = block_effects(1)
    effects.deliveries = [(name, "id", _body()) for name in ("jsonl", "log")]
    store.commit(effects)
    metrics = Metrics(CollectorRegistry())

    async def deliver() -> None:
        with ThreadPoolExecutor(1) as executor:
            sinks: list[tuple[Sink, Content]] = [
                (JsonlSink(tmp_path / "a.jsonl"), "masked"),
                (LogSink(), "none"),
            ]
            for sink, kind in sinks:
                outlet = Outlet(sink, content=content(kind, Masker()))
                assert await Delivery(outlet, store, executor, metrics).drain()

    asyncio.run(deliver())
    store.close()
    assert "zebra: login with password=[masked:password]" in (tmp_path / "a.jsonl").read_text()
    said = capsys.readouterr().err
    assert "alert" in said and "zebra" not in said
