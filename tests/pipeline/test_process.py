"""One block through verdict and decision: exact counts, own lines, readback, log time, storms."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.conftest import log_lines
from tests.pipeline.parts import NOW, Bench, File, by_words, iso, real
from tinylogbert_daemon.decide.incidents import Budget
from tinylogbert_daemon.model.artifact import Artifact
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.scorer import text_key
from tinylogbert_daemon.model.shape import shapes
from tinylogbert_daemon.model.verdicts import VerdictCache
from tinylogbert_daemon.source.block import Block, Position

_OWN = [
    "Jun 12 11:59:58 web1 tinylogbert[812]: anything at all, boom",
    "Jun  2 11:59:58 web1 tinylogbert: boom",
    "2026-06-12T11:59:58.123456+00:00 web1 tinylogbert[812]: boom",
    "2026-06-12T11:59:58Z web1 tinylogbert[812]: boom",
    "<12>Jun 12 11:59:58 web1 tinylogbert[812]: boom",
    '{"logger": "tinylogbert", "timestamp": "2026-06-12T11:59:58Z", "event": "alert", "x": "boom"}',
    "2026-06-12T11:59:58.123456Z [warning] tinylogbert: alert   line=boom",
    "2026-06-12T11:59:58.123456Z [info     ] tinylogbert: following path=boom",
]
_HOSTILE = [
    "Jun 12 11:59:58 web1 sshd[812]: boom tinylogbert[1]: hidden",
    "Jun 12 11:59:58 web1 evil: Jun 12 11:59:58 web1 tinylogbert[1]: boom",
    "2026-06-12T11:59:58Z web1 tinylogbertx[1]: boom",
    "2026-06-12T11:59:58Z web1 xtinylogbert[1]: boom",
    'x {"logger": "tinylogbert", "event": "boom"}',
    '{"event": "boom", "logger": "tinylogbert"}',
    '{"logger": "other", "event": "boom tinylogbert"}',
    "boom 2026-06-12T11:59:58.1Z [warning] tinylogbert: alert",
    "tinylogbert[812]: boom",
]


def test_real_verdicts_are_counted_exactly(artifact: Artifact) -> None:
    bench, file = Bench(artifact, score=real(artifact), threshold=1.0), File()
    lines = log_lines(400)
    for start in range(0, 400, 100):
        bench.process(file.block(*lines[start : start + 100]))
    block = "".join(f"{line}\n" for line in lines).encode()
    wanted = Counter(text_key(normalize(shape)) for shape in shapes(block))
    effects = bench.take()
    assert {key: count for key, (count, _, _) in effects.counts.items()} == pytest.approx(wanted)
    assert effects.lines[file.key] == effects.records["app"] == 400
    assert effects.files[file.key].position.offset == len(block)
    assert effects.blocks == 4
    # each text was scored once, and each keeps a sample from which it can be made again
    assert len(bench.scored) == len(set(bench.scored)) == len(wanted)
    assert all(text_key(normalize(shape)) == key for key, (_, _, shape) in effects.counts.items())


def test_hits_and_misses(artifact: Artifact) -> None:
    bench, file = Bench(artifact), File()
    first = bench.process(file.block("a 1", "a 2", "b"))
    again = bench.process(file.block("a 3", "c", "c"))
    assert (first.records, first.hits, first.misses) == (3, 0, 3)
    assert (again.records, again.hits, again.misses) == (3, 1, 2)
    assert (first.lines, first.size) == (3, 10)


def test_cuts_are_counted(artifact: Artifact) -> None:
    bench = Bench(artifact, score=real(artifact))
    tally = bench.process(File().block("word other " * 300, "short", cut=1))
    assert (tally.cut_records, tally.cut_texts) == (1, 1)


@pytest.mark.parametrize("line", _OWN)
def test_our_own_lines_are_never_counted_nor_alerted(artifact: Artifact, line: str) -> None:
    bench = Bench(artifact, threshold=0.0)
    tally = bench.process(File().block(line, line))
    assert (tally.own, tally.records, tally.lines, tally.anomalies) == (2, 2, 2, 0)
    assert bench.scored == []
    effects = bench.take()
    assert not (effects.counts or effects.incidents or effects.deliveries)
    assert bench.process(File().block(line)).own == 1  # from the cache, too


@pytest.mark.parametrize("line", _HOSTILE)
def test_a_line_that_only_names_us_is_scored(artifact: Artifact, line: str) -> None:
    bench = Bench(artifact)
    tally = bench.process(File().block(line))
    assert (tally.own, tally.anomalies) == (0, 1)


def test_readback_counts_but_does_not_alert(artifact: Artifact) -> None:
    bench, file = Bench(artifact), File()
    tally = bench.process(file.block("boom", "boom", "fine", readback=True))
    assert (tally.lines, tally.size, tally.records, tally.anomalies) == (0, 0, 3, 0)
    effects = bench.take()
    assert effects.counts[text_key("boom")][0] == 2
    assert not (effects.incidents or effects.deliveries)
    assert effects.lines[file.key] == 0
    # what was read back is not new any more, what is bad still is
    assert bench.decider.decide(by_words(["fine"])[0], NOW).novelty == 0.5
    assert bench.process(file.block("boom")).opened == 1


def test_a_block_without_data_moves_the_position_only(artifact: Artifact) -> None:
    bench, file = Bench(artifact), File()
    bench.process(file.block(f"{iso(NOW - 5000)} fine"))
    before = bench.take()
    after = Position(file.key, 999, 1, b"")
    tally = bench.process(Block("app", file.path, b"", file.offset, 0, after))
    assert (tally.records, tally.lines) == (0, 0)
    effects = bench.take()
    assert effects.files[file.key].position == after
    assert not effects.counts
    assert effects.log_times == before.log_times == {"app": NOW - 5000}


# -- log time ---------------------------------------------------------------------------------


def test_log_time_is_the_last_records_and_never_runs_backwards(artifact: Artifact) -> None:
    bench, file = Bench(artifact), File()

    def time(*lines: str) -> float:
        bench.process(file.block(*lines))
        return bench.take().log_times["app"]

    assert time(f"{iso(NOW - 900)} a", f"{iso(NOW - 800)} b") == NOW - 800
    assert time(f"{iso(NOW - 5000)} late") == NOW - 800
    assert time(f"{iso(NOW + 5000)} ahead of the clock") == NOW
    assert time(f"{iso(NOW - 10)} c") == NOW
    bench.clock.advance(60)
    assert time("without a date") == NOW + 60
    assert bench.sources["app"].learning_since == NOW - 900


def test_each_source_has_its_own_log_time(artifact: Artifact) -> None:
    bench = Bench(artifact)
    bench.process(File("/a", "a").block(f"{iso(NOW - 900)} x"))
    bench.process(File("/b", "b").block(f"{iso(NOW - 100)} x"))
    assert bench.take().log_times == {"a": NOW - 900, "b": NOW - 100}


def test_an_anomaly_has_the_time_of_its_own_line(artifact: Artifact) -> None:
    bench, file = Bench(artifact), File()
    times = [NOW - 500, NOW - 400, NOW - 300, NOW - 200]
    words = ["fine", "boom", "fine", "boom"]
    bench.process(file.block(*(f"{iso(t)} {word}" for t, word in zip(times, words, strict=True))))
    (incident,) = bench.take().incidents.values()
    assert (incident.opened, incident.last_seen) == (NOW - 400, NOW - 200)
    assert incident.first.first_line == f"{iso(NOW - 400)} boom"
    assert incident.last_line == f"{iso(NOW - 200)} boom"


def test_a_date_that_is_out_of_order_does_not_date_an_anomaly(artifact: Artifact) -> None:
    bench, file = Bench(artifact), File()
    bench.process(file.block(f"{iso(NOW - 100)} fine"))
    bench.process(file.block("2001-01-01T00:00:00Z boom a", "2037-01-01T00:00:00Z boom b"))
    opened = {found.opened for found in bench.take().incidents.values()}
    assert opened <= {NOW - 100, NOW}


def test_a_source_learns_for_so_long_in_log_time(artifact: Artifact) -> None:
    bench, file = Bench(artifact, learning_seconds=3600), File()
    bench.process(file.block(f"{iso(NOW - 4000)} boom a"))
    bench.process(file.block(f"{iso(NOW - 500)} boom b"))
    bench.process(File("/b", "new").block(f"{iso(NOW)} boom c"))
    reasons = [found.first.reason for found in bench.take().incidents.values()]
    assert ["still learning" in reason for reason in reasons] == [True] * 3
    bench.process(file.block(f"{iso(NOW - 399)} boom d"))
    (found,) = bench.take().incidents.values()
    assert "never seen on this host" in found.first.reason


# -- incidents --------------------------------------------------------------------------------


def test_a_storm_of_one_text_is_one_incident(artifact: Artifact) -> None:
    bench, file = Bench(artifact), File()
    tallies = [bench.process(file.block(*[f"boom {i}" for i in range(100)])) for _ in range(10)]
    assert sum(tally.anomalies for tally in tallies) == 1000
    assert [tally.opened for tally in tallies] == [1] + [0] * 9
    assert [tally.suppressed["open"] for tally in tallies] == [0] + [1] * 9
    effects = bench.take()
    (incident,) = effects.incidents.values()
    assert incident.records == 1000
    assert [(sink, id_) for sink, id_, _ in effects.deliveries] == [
        ("jsonl", incident.id),
        ("log", incident.id),
    ]


def test_a_storm_of_many_texts_is_bounded_by_the_budget(artifact: Artifact) -> None:
    bench, file = Bench(artifact, budget=Budget(20, 3)), File()
    tally = bench.process(file.block(*[f"boom {chr(97 + i) * 3}" for i in range(20)]))
    assert (tally.anomalies, tally.opened) == (20, 20)
    assert tally.suppressed == {"budget": 17}
    effects = bench.take()
    assert sum(found.alerted for found in effects.incidents.values()) == 3
    assert len(effects.deliveries) == 2 * 3
    # they alert in the order of their records
    alerted = [found.first.line for found in effects.incidents.values() if found.alerted]
    assert alerted == [1, 2, 3]


def test_an_incident_closes_when_quiet(artifact: Artifact) -> None:
    bench, file = Bench(artifact, quiet_seconds=600), File()
    bench.process(file.block(f"{iso(NOW - 5000)} boom"))
    bench.process(file.block(f"{iso(NOW - 4500)} fine"))
    assert len(bench.incidents) == 1
    bench.take()
    bench.process(file.block(f"{iso(NOW - 4400)} fine"))
    (closed,) = bench.take().incidents.values()
    assert closed.closed == NOW - 4400


def test_an_anomaly_that_comes_back_after_a_quiet_time_alerts_again(artifact: Artifact) -> None:
    # a log that holds nothing but errors: no other block comes in between
    bench, file = Bench(artifact, quiet_seconds=600), File()
    opened = [
        bench.process(file.block(f"{iso(NOW - ago)} boom")).opened for ago in (9000, 8900, 5000, 0)
    ]
    assert opened == [1, 0, 1, 1]
    found = bench.take().incidents.values()
    assert [incident.closed for incident in found] == [NOW - 5000, NOW, None]


def test_long_blocks_of_an_ongoing_trouble_are_one_incident(artifact: Artifact) -> None:
    # catching up: each block holds an hour of log in which the trouble never pauses
    bench, file = Bench(artifact, quiet_seconds=600), File()
    opened = []
    for hour in range(5):
        times = [NOW - 18_000 + hour * 3600 + minute * 60 for minute in range(60)]
        opened.append(bench.process(file.block(*(f"{iso(t)} boom" for t in times))).opened)
    assert opened == [1, 0, 0, 0, 0]


def test_an_alert_holds_result_and_explanation(artifact: Artifact) -> None:
    bench, file = Bench(artifact, score=real(artifact), threshold=0.0), File()
    bench.process(
        file.block("", "first", "Jun 12 10:00:00 web1 app[7]: \x1b[31mdisk\xff 17 failed")
    )
    effects = bench.take()
    alerts = [json.loads(body) for sink, _, body in effects.deliveries if sink == "log"]
    assert all("\n" not in body and body.isascii() for _, _, body in effects.deliveries)
    alert = alerts[-1]
    incident = effects.incidents[alert["id"]]
    assert alert["log_text"] == "Jun 12 10:00:00 web1 app[7]: \x1b[31mdisk\xff 17 failed"
    assert (alert["line"], alert["offset"], alert["path"], alert["source"]) == (
        3,
        7,
        "/var/log/app.log",
        "app",
    )
    assert alert["text"] == incident.first.text
    assert alert["anomaly"] is True
    assert alert["model"] == artifact.name
    assert set(alert) == {
        *("id", "time", "source", "path", "offset", "line", "log_text", "score", "anomaly", "raw"),
        *("severity", "novelty", "model", "records", "reason", "text", "words"),
    }


def test_a_replay_repeats_ids_and_effects(artifact: Artifact) -> None:
    lines = [*log_lines(50), "boom 1", "boom other"]
    results = []
    for _ in range(2):
        bench, file = Bench(artifact, threshold=0.4), File()
        bench.process(file.block(*lines[:30]))
        bench.process(file.block(*lines[30:]))
        results.append(bench.take())
    assert results[0].incidents == results[1].incidents
    assert results[0].deliveries == results[1].deliveries
    assert results[0].counts == results[1].counts


def test_a_long_or_broken_line_is_kept_readable_and_short(artifact: Artifact) -> None:
    bench, file = Bench(artifact), File()
    bench.process(file.block(b"boom \xff\xfe" + b"x" * 50_000))
    (found,) = bench.take().incidents.values()
    assert len(found.first.first_line) == 2048
    assert found.first.first_line.startswith("boom \ufffd\ufffdxxx")


# -- bounded memory ---------------------------------------------------------------------------


def test_a_text_of_which_the_cache_holds_two_verdicts_is_counted_whole(artifact: Artifact) -> None:
    # level 2 lets a text go while level 1 still has its shapes
    bench, file = Bench(artifact, cache=VerdictCache(shapes=100, texts=2)), File()
    bench.process(file.block("boom 1"))
    bench.process(file.block("a", "b", "c"))
    tally = bench.process(file.block("boom 2", "boom 22", "boom 33", "boom 9"))
    assert bench.take().counts[text_key("boom [num]")][0] == 5
    assert tally.anomalies == 4


def test_evicted_texts_leave_the_table_and_come_back(artifact: Artifact) -> None:
    bench, file = Bench(artifact, exact=2), File()
    bench.process(file.block("a"))
    bench.process(file.block("b"))
    bench.process(file.block("c"))  # takes a out
    effects = bench.effects
    assert effects.evicted == {text_key("a")}
    assert set(effects.counts) == {text_key("b"), text_key("c")}
    bench.process(file.block("a"))  # takes b out
    assert effects.evicted == {text_key("b")}
    assert set(effects.counts) == {text_key("a"), text_key("c")}
    assert effects.counts[text_key("a")][0] == 2
    assert effects.sketch is not None
