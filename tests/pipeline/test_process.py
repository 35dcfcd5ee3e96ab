"""One block through verdict and decision: exact counts, own lines, readback, log time, storms."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from tests.conftest import log_lines
from tests.pipeline.parts import NOW, Bench, File, by_words, iso, real
from tinylogbert_daemon.decide.alert import Alert
from tinylogbert_daemon.decide.budget import Budget
from tinylogbert_daemon.decide.engine import Result
from tinylogbert_daemon.decide.score import EPISODE_SECONDS
from tinylogbert_daemon.model.artifact import Artifact
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.scorer import Verdict, text_key
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
    wanted: Counter[int] = Counter()
    for number in range(4):
        time = iso(NOW - 5000 + number * 1000)  # so far apart that each block is an episode
        part = [f"{time} {line}" for line in lines[number * 100 :][:100]]
        bench.process(file.block(*part))
        data = "".join(f"{line}\n" for line in part).encode()
        wanted.update({text_key(normalize(shape)) for shape in shapes(data)})
    effects = bench.take()
    assert {key: count for key, (count, _, _) in effects.counts.items()} == pytest.approx(wanted)
    assert max(wanted.values()) == 4
    assert effects.lines[file.key] == effects.records["app"] == 400
    assert effects.files[file.key].position.offset == file.offset
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
    assert {count for count, _, _ in effects.counts.values()} == {1}
    assert set(effects.counts) == {text_key("boom"), text_key("fine")}
    assert not (effects.incidents or effects.deliveries)
    assert effects.lines[file.key] == 0
    # what was read back is not new any more, what is new and bad still is
    seen, unseen = (bench.decider.decide(one, NOW) for one in by_words(["fine", "unseen"]))
    assert seen.novelty < unseen.novelty == 1.0
    assert bench.process(file.block("another boom")).opened == 1
    # and nothing was opened in silence
    bench.decider.threshold = 0.0
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


def test_a_clock_that_is_set_back_takes_no_log_time_back(artifact: Artifact) -> None:
    bench, file = Bench(artifact), File()
    times = []
    for jump in (0, -7200, 60, 7200):
        bench.clock._time += jump  # a clock of the host is set back; this one refuses to be
        bench.process(file.block("without a date"))
        times.append(bench.take().log_times["app"])
    assert times == [NOW, NOW, NOW, NOW + 60]


def test_blocks_without_dates_in_a_dated_source_go_on_learning(artifact: Artifact) -> None:
    bench, file = Bench(artifact, learning_seconds=3600), File()
    bench.process(file.block(f"{iso(NOW - 100)} fine"))
    key, episodes = text_key("trace of a thread"), []
    for _ in range(5):
        bench.process(file.block("  trace of a thread", "  trace of a thread"))
        episodes.append(bench.effects.counts[key][0])
        bench.clock.advance(EPISODE_SECONDS)
    assert episodes == [1, 2, 3, 4, 5]
    bench.process(file.block("boom"))  # 75 minutes on: the time of learning is over as well
    (found,) = bench.take().incidents.values()
    assert "never seen on this host" in found.first.reason


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


def test_a_storm_of_many_texts_is_one_incident(artifact: Artifact) -> None:
    bench, file = Bench(artifact), File()
    texts = [f"boom {chr(97 + i) * 3}" for i in range(20)]
    tally = bench.process(file.block(*texts))
    assert (tally.anomalies, tally.opened) == (20, 1)
    assert tally.suppressed == {"storm": 19}
    effects = bench.take()
    (incident,) = effects.incidents.values()
    assert incident.storm is not None and len(incident.storm.keys) == 20
    body = json.loads(effects.deliveries[0][2])
    assert (body["kind"], body["storm"]["texts"], body["records"]) == ("storm", 20, 20)
    assert body["reason"].startswith("storm: 20 kinds of unusual lines at once")
    assert [one["log_text"] for one in body["storm"]["examples"]] == texts[:10]
    assert len(effects.deliveries) == 2
    tally = bench.process(file.block("boom another", "boom aaa"))
    assert (tally.opened, tally.suppressed) == (0, {"storm": 1, "open": 1})
    assert effects.suppressed[("app", "storm")][2:] == (19, 19, NOW)


def test_more_incidents_than_the_budget_allows_are_not_sent(artifact: Artifact) -> None:
    bench, file = Bench(artifact, budget=Budget(24, 3)), File()
    tally: Counter[str] = Counter()
    for n in range(20):
        time = iso(NOW - 10_000 + 100 * n)
        tally += bench.process(file.block(f"{time} {chr(97 + n) * 3} boom")).suppressed
    withheld = tally.pop("budget")
    assert not tally and withheld in (17, 18)  # the third of three is kept for the severe
    effects = bench.take()
    alerted = [found.alerted for found in effects.incidents.values()]
    assert alerted == [True] * (20 - withheld) + [False] * withheld
    sent = [json.loads(body)["status"] for _, _, body in effects.deliveries]
    assert sent.count("open") == 2 * (20 - withheld)
    # the budget is saved with the block, so that a restart does not fill it
    assert effects.budget is not None
    again = Bench(artifact, budget=Budget(24, 3))
    again.incidents.budget.load(effects.budget)
    assert again.incidents.budget.rows() == effects.budget
    # and the next alert says what was not sent
    bench.process(file.block(f"{iso(NOW)} last boom"))
    body = json.loads(bench.take().deliveries[-1][2])
    assert body["status"] == "open"
    assert body["suppressed"] == {
        "count": withheld,
        "since": NOW - 10_000 + 100 * (20 - withheld),
        "reasons": {"budget": withheld},
    }


def test_an_incident_closes_when_quiet(artifact: Artifact) -> None:
    bench, file = Bench(artifact, quiet_seconds=600), File()
    bench.process(file.block(f"{iso(NOW - 5000)} boom"))
    bench.process(file.block(f"{iso(NOW - 4500)} fine"))
    assert len(bench.incidents) == 1
    bench.take()
    bench.process(file.block(f"{iso(NOW - 4400)} fine"))
    effects = bench.take()
    (closed,) = effects.incidents.values()
    assert (closed.closed, closed.close_reason) == (NOW - 4400, "quiet")
    # whoever got the opening gets the closing
    assert [(sink, id_) for sink, id_, _ in effects.deliveries] == [
        ("jsonl", closed.id),
        ("log", closed.id),
    ]
    body = json.loads(effects.deliveries[0][2])
    assert (body["status"], body["closed"], body["records"]) == ("closed", NOW - 4400, 1)
    assert body["log_text"] == f"{iso(NOW - 5000)} boom"


def test_a_closing_is_sent_only_where_the_opening_was_and_it_is_wanted(artifact: Artifact) -> None:
    for options in ({"budget": Budget(1, 1)}, {"notify_close": False}):
        bench, file = Bench(artifact, quiet_seconds=600, **options), File()
        bench.process(file.block(f"{iso(NOW - 5000)} boom", f"{iso(NOW - 5000)} another boom"))
        bench.take()
        bench.process(file.block(f"{iso(NOW - 100)} fine"))
        effects = bench.take()
        assert len(effects.incidents) == 2
        assert len(effects.deliveries) == 2 * ("budget" in options)


def test_an_incident_closes_also_where_no_more_lines_come(artifact: Artifact) -> None:
    bench, file = Bench(artifact, quiet_seconds=600), File()
    bench.process(file.block(f"{iso(NOW - 50)} boom"))
    bench.take()
    bench.clock.advance(599)
    assert bench.processor.close_idle(lambda: bench.effects) == []
    bench.clock.advance(1)
    assert bench.processor.close_idle(lambda: bench.effects) == ["app"]
    (closed,) = bench.effects.incidents.values()
    assert closed.closed == NOW - 50 + 600
    assert len(bench.effects.deliveries) == 2
    # log time did not move by that
    assert bench.sources["app"].log_time == NOW - 50


def test_an_anomaly_that_comes_back_after_a_quiet_time_alerts_again(artifact: Artifact) -> None:
    # a log that holds nothing but errors: no other block comes in between
    bench, file = Bench(artifact, quiet_seconds=600, threshold=0.0), File()
    opened = [
        bench.process(file.block(f"{iso(NOW - ago)} boom")).opened for ago in (9000, 8900, 5000, 0)
    ]
    assert opened == [1, 0, 1, 1]
    found = bench.take().incidents.values()
    assert [incident.closed for incident in found] == [NOW - 5000, NOW, None]


def test_an_ongoing_trouble_is_one_incident_until_it_is_known(artifact: Artifact) -> None:
    bench, file = Bench(artifact, quiet_seconds=600), File()
    for minute in range(200):
        bench.process(file.block(f"{iso(NOW - 20_000 + minute * 60)} boom"))
    (incident,) = bench.take().incidents.values()
    # it is no news after its first minute, but that does not end it
    assert 100 <= incident.records < 200
    assert incident.closed is not None and incident.close_reason == "quiet"
    # and one that stops for longer than that comes to its end, also if it comes again
    bench, file = Bench(artifact, quiet_seconds=600), File()
    for minute in (0, 5, 20):
        bench.process(file.block(f"{iso(NOW - 20_000 + minute * 60)} boom"))
    before, again = bench.take().incidents.values()
    assert (before.records, before.closed) == (2, NOW - 20_000 + 20 * 60)
    assert (again.records, again.closed) == (1, None)


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
    assert set(alert) == set(Alert.__annotations__) > set(Result.__annotations__)


def embedded(artifact: Artifact) -> Callable[[Sequence[str]], list[Verdict]]:
    """Return a scorer with real embeddings, and the severity of ``by_words``."""

    def score(texts: Sequence[str]) -> list[Verdict]:
        found = real(artifact)(texts)
        words = by_words(texts)
        return [replace(one, severity=by.severity) for one, by in zip(found, words, strict=True)]

    return score


def test_an_alert_shows_what_is_normal(artifact: Artifact) -> None:
    bench, file = Bench(artifact, score=embedded(artifact), threshold=0.2), File()
    for _ in range(3):
        bench.process(file.block(*["disk sda is ready", "queue mail is empty"] * 5))
        bench.clock.advance(EPISODE_SECONDS)
    bench.process(file.block("disk sda is boom", "a line seen once"))
    effects = bench.take()
    (found,) = (one for one in effects.incidents.values() if "boom" in one.first.text)
    nearest = found.first.nearest
    assert nearest is not None
    assert (nearest.text, nearest.source) == ("disk sda is ready", "app")
    assert nearest.difference == (("same", "disk sda is"), ("gone", "ready"), ("here", "boom"))
    assert json.loads(effects.deliveries[0][2])["nearest"]["text"] == "disk sda is ready"


def test_only_what_is_common_and_no_anomaly_is_normal(artifact: Artifact) -> None:
    bench, file = Bench(artifact, score=real(artifact), threshold=1.0), File()
    bench.process(file.block("once", *["in a burst"] * 30, readback=True))
    for _ in range(3):
        bench.process(file.block("often", readback=True))
        bench.clock.advance(EPISODE_SECONDS)
    assert {text for _, text, _ in bench.processor._feeding.normals._texts} == {"often"}
    bench.decider.threshold = 0.0
    for _ in range(3):
        bench.process(file.block("bad for ever"))
        bench.clock.advance(EPISODE_SECONDS)
    assert len(bench.processor._feeding.normals) == 1


def test_a_source_that_is_learning_shows_what_it_has_seen_so_far(artifact: Artifact) -> None:
    score = embedded(artifact)
    bench, file = Bench(artifact, score=score, threshold=1.0, learning_seconds=1e5), File()
    bench.process(file.block("disk sda is ready", "disk sda is boom"))
    assert {text for _, text, _ in bench.processor._feeding.normals._texts} == {"disk sda is ready"}


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
    cache = VerdictCache(shapes=100, texts=2)
    bench, file = Bench(artifact, cache=cache, quiet_seconds=2 * EPISODE_SECONDS), File()
    bench.process(file.block("boom 1"))
    bench.process(file.block("a", "b", "c"))
    bench.clock.advance(EPISODE_SECONDS)
    tally = bench.process(file.block("boom 2", "boom 22", "boom 33", "boom 9"))
    assert bench.take().counts[text_key("boom [num]")][0] == 2  # one episode in each block
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
