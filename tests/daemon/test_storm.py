"""A storm of new texts on the real daemon: known lines go on, and a kill loses no verdict."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.daemon import service as module
from tests.daemon.service import Service, until

pytestmark = pytest.mark.timeout(300)

TEXTS = 400
_COMMITTED = "SELECT SUM(committed) FROM files"
_SYLLABLES = ("ba", "ke", "di", "lo", "mu", "ra", "se", "ti")


def _storm() -> Iterator[str]:
    words = ("".join(each) for each in itertools.product(_SYLLABLES, repeat=4))
    for word in itertools.islice(words, TEXTS):
        yield f"ERROR {word}: cannot reach the {word} backend behind the {word} gate"


def _query(service: Service, statement: str) -> int:
    with closing(sqlite3.connect(f"file:{service.state}/state.db?mode=ro", uri=True)) as db:
        return int(db.execute(statement).fetchone()[0])


def _owed(service: Service) -> int:
    return _query(service, "SELECT COUNT(*) FROM owed")


def _metrics(service: Service) -> dict[str, float]:
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(service.get("/metrics"))
        for sample in family.samples
        if sample.labels.get("source") == "app"
    }


def test_a_kill_in_the_storm_loses_no_verdict(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 120.0)
    # the base model: a text takes it long enough for verdicts to be late
    service.configure(
        model={"path": "base"},
        learning={"retrain": "never"},
        decision={"learning_hours": 0, "threshold": 0.0, "storm_texts": 1000, "burst": 1000},
    )
    path = str(service.write("app.log", "INFO shop: order 1 stored"))
    service.start()
    until(lambda: _query(service, "SELECT COUNT(*) FROM texts") == 1, "the first line counted")
    service.write("app.log", *_storm(), "INFO shop: order 2 stored")
    written = TEXTS + 1
    until(lambda: service.ended() or _query(service, _COMMITTED) == written, "all lines committed")
    assert service.process is not None and service.process.poll() is None
    owed = _owed(service)
    assert owed > 0
    until(lambda: _metrics(service).get("tinylogbert_verdicts_owed"), "owed verdicts are shown")
    assert _metrics(service)["tinylogbert_verdicts_deferred_total"] >= owed
    service.kill()
    assert 0 < _owed(service) <= owed

    service.start()
    until(lambda: _owed(service) == 0, "what is owed is worked off")
    # each text was counted and opened its incident, once
    assert service.committed() == {path: TEXTS + 1}
    assert _query(service, "SELECT COUNT(*) FROM texts") == TEXTS + 1
    # one line comes after the other within a second or two: all counts are of one episode
    assert _query(service, "SELECT COUNT(*) FROM texts WHERE count > 1.5") == 0
    incidents = "SELECT COUNT(*) FROM incidents WHERE first LIKE '%backend%'"
    assert _query(service, incidents) == TEXTS
    assert _query(service, "SELECT SUM(records) FROM incidents") == TEXTS + 1
