"""Verdicts that come late: known records do not wait, nothing is lost, nothing counts twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.decide.anomalies import anomaly
from tests.pipeline.parts import NOW, Bench, File, by_words, iso
from tinylogbert_daemon.model.artifact import Artifact
from tinylogbert_daemon.model.scorer import Verdict, text_key
from tinylogbert_daemon.pipeline.owed import Owed, Patience, by_source
from tinylogbert_daemon.pipeline.tally import Tally
from tinylogbert_daemon.state import Store
from tinylogbert_daemon.state.owed import OwedText, joined


class Slow:
    """A model that has no verdict in time but of what is in ``ready``; the rest when asked so."""

    def __init__(self) -> None:
        self.ready: set[str] = set()
        self.waited: list[str] = []

    async def score_within(self, texts: Sequence[str], seconds: float) -> list[Verdict]:
        assert seconds > 0
        return by_words([text for text in texts if text in self.ready])

    async def score(self, texts: Sequence[str]) -> list[Verdict]:
        self.waited += texts
        return by_words(texts)


class Late(Bench):
    """A processor whose model is slow."""

    def __init__(self, artifact: Artifact, owed: Owed | None = None) -> None:
        super().__init__(artifact)
        self.model = Slow()
        self.owed = owed or Owed()
        self.processor._patience = Patience(self.owed, self.model)

    def settle(self) -> list[Tally]:
        """Judge all that is owed."""
        rows = by_source(self.owed.next(10_000))
        return [
            self.processor.judge_late(
                [(row, by_words([row.text])[0]) for row in group],
                self.effects,
            )
            for group in rows
        ]


class Timed(Slow):
    """A model that takes its time, and says how long it might have taken."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.now, self.seconds = 100.0, seconds
        self.given: list[float] = []

    async def score_within(self, texts: Sequence[str], seconds: float) -> list[Verdict]:
        self.given.append(round(seconds, 6))
        self.now += min(seconds, self.seconds)
        return by_words(texts) if self.seconds <= seconds else []


def test_a_source_waits_a_second_and_then_a_tenth_of_the_time() -> None:
    model, owed = Timed(0.4), Owed()
    patience = Patience(owed, model, lambda: model.now)

    def wait(source: str, after: float) -> int:
        model.now += after
        return len(asyncio.run(patience.verdicts(source, ["odd boom"])))

    assert [wait("app", 0.0) for _ in range(4)] == [1, 1, 0, 0]
    assert model.given == [1.0, 0.6, 0.2], "and then nothing is left to wait"
    assert wait("other", 0.0) == 1, "each source has its own"
    assert wait("app", 2.0) == 0
    assert wait("app", 20.0) == 1
    assert model.given[-3:] == [1.0, pytest.approx(0.24), 1.0], "never more than a second"


def test_known_records_are_decided_on_while_others_await_their_verdict(artifact: Artifact) -> None:
    bench, file = Late(artifact), File()
    bench.model.ready = {"fine", "known boom"}
    tally = bench.process(file.block("fine", "odd boom", "known boom", "odd boom", "fine"))
    assert (tally.lines, tally.records, tally.deferred) == (5, 5, 1)
    assert (tally.opened, tally.anomalies) == (1, 1)
    effects = bench.take()
    assert set(effects.counts) == {text_key("fine"), text_key("known boom")}
    (row,) = effects.owed.values()
    assert row is not None
    assert (row.text, row.first.records, row.first.line) == ("odd boom", 2, 2)
    assert effects.files[file.key].position.offset == file.offset


def test_what_is_judged_late_comes_to_the_same(artifact: Artifact) -> None:
    late, in_time, file = Late(artifact), Bench(artifact), File()
    blocks = [
        file.block(f"{iso(NOW - 100)} odd boom", "fine"),
        file.block(f"{iso(NOW - 90)} odd boom", "fine", "other"),
    ]
    for block in blocks:
        late.process(block)
        in_time.process(block)
    assert late.owed.counts() == {"app": 3}
    (tally,) = late.settle()
    assert (tally.opened, tally.anomalies, tally.records) == (1, 2, 0)
    assert late.owed.counts() == {"app": 0}
    found, wanted = late.take(), in_time.take()
    assert found.counts.keys() == wanted.counts.keys()
    assert {key: row[0] for key, row in found.counts.items()} == pytest.approx(
        {key: row[0] for key, row in wanted.counts.items()}
    )
    (incident,), (other,) = found.incidents.values(), wanted.incidents.values()
    assert incident.records == other.records == 2
    assert (incident.id, incident.opened) == (other.id, other.opened)
    assert replace(incident.first, records=1, last_line=other.first.last_line) == replace(
        other.first, score=incident.first.score, novelty=incident.first.novelty
    )
    assert len(found.deliveries) == len(wanted.deliveries) == 2
    assert set(found.owed.values()) == {None}
    # and it is known from now on
    assert late.process(file.block(f"{iso(NOW)} odd boom")).deferred == 0


def test_a_source_that_owes_verdicts_does_not_wait_at_all(artifact: Artifact) -> None:
    bench, file, other = Late(artifact), File(), File("/var/log/b.log", "other")
    bench.process(file.block("new"))
    bench.model.ready = {"newer"}
    assert bench.process(file.block("newer")).deferred == 1
    assert bench.process(other.block("newer")).deferred == 0


def test_where_no_more_may_be_owed_the_block_waits_for_the_model(artifact: Artifact) -> None:
    bench, file = Late(artifact, Owed(limit=2)), File()
    assert bench.process(file.block("a", "b", "c", "d")).deferred == 2
    assert bench.model.waited == ["a", "b"]
    assert bench.process(file.block("e", "c")).deferred == 1  # more of what is owed already
    assert bench.model.waited == ["a", "b", "e"]
    assert bench.owed.counts() == {"app": 2}


def test_readback_that_is_judged_late_counts_and_does_not_alert(artifact: Artifact) -> None:
    bench, file = Late(artifact), File()
    bench.process(file.block("boom", readback=True))
    (tally,) = bench.settle()
    effects = bench.take()
    assert (tally.anomalies, effects.incidents, effects.deliveries) == (0, {}, [])
    assert set(effects.counts) == {text_key("boom")}


def test_the_most_urgent_are_judged_first() -> None:
    owed = Owed()
    rows = [_row(text) for text in ("fine one", "[error] two", "three")]
    for row, urgency in zip(rows, (0.1, 1.9, 0.5), strict=True):
        owed.put(row, urgency)
    assert [row.text for row in owed.next(2)] == ["[error] two", "three"]
    owed.strike(rows[1])
    assert [row.text for row in owed.next(9)] == ["three", "fine one"]


def test_records_that_come_while_it_is_owed_are_added() -> None:
    first, second = _row("boom"), _row("boom", records=3, now=NOW + 5)
    both = joined(first, second)
    assert (both.first.records, both.now) == (4, NOW + 5)
    # what was read back for counts only is no part of an incident
    assert joined(replace(first, readback=True), second) == second
    assert joined(first, replace(second, readback=True)) == first


def test_owed_texts_survive_in_the_state(artifact: Artifact, tmp_path: Path) -> None:
    bench, file = Late(artifact), File()
    bench.process(file.block("odd boom", "login with password=hunter2 failed"))
    store = Store(tmp_path)
    store.commit(bench.take())
    store.close()
    assert b"hunter" not in (tmp_path / "state.db").read_bytes()
    store = Store(tmp_path)
    again = Late(artifact, Owed(store.owed()))
    keys = {text_key("odd boom"), text_key("login with password hunter[num] failed")}
    assert {row.first.key for row in again.owed.next(9)} >= {text_key("odd boom")}
    again.processor._sources.update(bench.sources)
    again.settle()
    effects = again.take()
    assert len(effects.counts) == len(keys)
    assert [one.first.first_line for one in effects.incidents.values()] == ["odd boom"]
    store.commit(effects)
    assert store.owed() == []
    store.close()


def _row(text: str, records: int = 1, now: float = NOW) -> OwedText:
    first = anomaly(text, records=records, time=now)
    return OwedText(first, b"", now, learning=False, readback=False, text=text)
