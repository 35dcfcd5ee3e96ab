"""The fast path against a slow one, line by line: texts, counts, lines, incidents' records."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.pipeline.parts import NOW, Bench, File, by_words, iso
from tinylogbert_daemon.model.artifact import Artifact
from tinylogbert_daemon.model.lookup import SourceLookup
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.own import is_own
from tinylogbert_daemon.model.scorer import text_key
from tinylogbert_daemon.model.shape import SUBSTITUTIONS, shapes
from tinylogbert_daemon.model.shaped import IDS
from tinylogbert_daemon.model.verdicts import OWN, VerdictCache, fill

_FORMS = (
    "took {n} ms",
    "<{pri}>app: started",
    'GET / HTTP/1.1" {status} {n}',
    'GET / HTTP/3.1" {status} {n}',
    "job exited with code {code}",
    "exit code {n}",
    "existing exit of <{pri}> things",
    "request {id} of {uuid} done",
    "request {id} boom {code}",
    "disk {n} boom",
    "HTTP/ boom exit",
    "copied {n} files, errors: {code}",
    "exit {n}: 0 errors={code}, failed={code}",
    "errors: {code} failures, exited with {code} errors",
    "no error",
    "Jun 12 11:59:58 web1 tinylogbert[{n}]: alert",
    "",
)


def _line(chance: random.Random, forms: tuple[str, ...]) -> str:
    hexadecimal = f"{chance.getrandbits(64):016x}"
    return chance.choice(forms).format(
        n=chance.randrange(10_000),
        pri=chance.randrange(200),
        status=chance.choice([101, 200, 204, 302, 404, 503, 700]),
        code=chance.choice([0, 1, 137, 4000]),
        id=hexadecimal,
        uuid=f"{hexadecimal[:8]}-{hexadecimal[:4]}-4{hexadecimal[:3]}-a{hexadecimal[1:4]}-"
        f"{hexadecimal[4:]}",
    )


def _blocks(seed: int) -> list[list[str]]:
    """Return blocks of lines; which forms there are changes on the way."""
    chance = random.Random(seed)
    blocks = []
    for _ in range(30):
        forms = tuple(chance.sample(_FORMS, chance.choice([1, 2, len(_FORMS)])))
        blocks.append([_line(chance, forms) for _ in range(chance.choice([1, 20, 200]))])
    return blocks


def _text(line: str) -> str | None:
    """Return the text of a line by itself; None for our own."""
    (shape,) = shapes(line.encode() + b"\n")
    return None if is_own(shape) else normalize(shape)


@pytest.mark.parametrize("seed", range(4))
def test_each_record_gets_the_verdict_of_its_own_text(seed: int) -> None:
    cache = VerdictCache(shapes=500, texts=50)
    lookups = [SourceLookup(cache) for _ in range(3)]  # sources share the cache
    for number, lines in enumerate(_blocks(seed)):
        found = lookups[number % 3].look_up("".join(f"{line}\n" for line in lines).encode())
        misses = cache.resolve(found.missing, found.form)
        cache.add(misses, by_words(list(misses.wanted)))
        verdicts = fill(found.shapes, found.verdicts, misses).decoded()
        got = [None if verdict is OWN else verdict.text for verdict in verdicts]
        assert got == list(map(_text, lines))


@pytest.mark.parametrize("seed", range(3))
def test_counts_lines_and_records_are_those_of_a_slow_path(artifact: Artifact, seed: int) -> None:
    bench, file = Bench(artifact), File()
    seen: set[str] = set()
    booms: Counter[str] = Counter()
    suppressed = 0
    records: dict[str, int] = {}
    for number, block in enumerate(_blocks(seed)):
        tally = bench.process(file.block(*block))
        suppressed += tally.suppressed["open"]
        texts = [_text(line) for line in block]
        assert tally.own == texts.count(None)
        seen |= {text for text in texts if text}
        booms.update(text for text in texts if text and "boom" in text)
        if number % 4 == 3:
            effects = bench.take()
            assert effects.lines[file.key] == effects.records["app"]
            records |= {one.first.text: one.records for one in effects.incidents.values()}
    records |= {one.first.text: one.records for one in bench.take().incidents.values()}
    assert {text: count for text, count in records.items() if "boom" in text} == booms
    assert {key for key, _ in bench.counts._exact.items()} == set(map(text_key, seen))
    assert suppressed > 0
    assert bench.take().incidents == {}


def test_growth_is_folded_until_the_commit_and_dates_the_incident(artifact: Artifact) -> None:
    bench, file = Bench(artifact, quiet_seconds=900.0), File()
    for minutes in (30, 25, 20, 15):
        bench.process(file.block(f"{iso(NOW - minutes * 60)} boom {minutes}", "fine"))
    (incident,) = bench.take().incidents.values()
    assert (incident.records, incident.suppressed) == (4, 3)
    assert incident.last_line.endswith("boom 15")
    assert incident.last_seen == NOW - 15 * 60
    # longer ago than the quiet time since it was opened, but not since it grew
    bench.process(file.block(f"{iso(NOW - 10 * 60)} boom 10"))
    bench.process(file.block(f"{iso(NOW - 60)} fine"))
    (incident,) = bench.take().incidents.values()
    assert (incident.records, incident.closed) == (5, None)
    # each block's records are drawn at its own time, though they were committed together
    assert incident.curve is not None and incident.curve.seconds == 64
    drawn = {place: count for place, count in enumerate(incident.curve.counts) if count}
    assert drawn == {int(minutes * 60 / 64): 1 for minutes in (0, 5, 10, 15, 20)}


def test_decisions_are_made_anew_when_something_was_learned(artifact: Artifact) -> None:
    bench, file = Bench(artifact), File()
    assert bench.process(file.block("fine")).anomalies == 0
    assert bench.process(file.block("fine")).anomalies == 0
    bench.decider.threshold = 0.0
    assert bench.process(file.block("fine")).anomalies == 1


def test_passes_come_and_go_with_the_need() -> None:
    cache = VerdictCache()
    lookup = SourceLookup(cache)

    def form(data: bytes) -> int:
        found = lookup.look_up(data)
        misses = cache.resolve(found.missing, found.form)
        cache.add(misses, by_words(list(misses.wanted)))
        return found.form

    exits = 1 << [one.name for one in SUBSTITUTIONS].index("exit-code")
    unique = [f"request {i * 0x9E3779B97F4A7C15 % 2**64:016x}" for i in range(1, 101)]
    ids = "".join(f"{line}\n" for line in unique).encode()
    assert form(b"exit without a number, HTTP/ and <a>\n") == 0
    assert form(b"exit code 3\n") == exits
    assert form(ids) == exits | IDS
    assert [form(b"plain\n") for _ in range(40)][-1] == 0
    # few records, or such as no form makes alike: no masks
    assert form(ids[: 25 * 9]) == 0
    words = "".join(f"{a}{b}\n" for a in "ghijklmnop" for b in "qrstuvwxyz").encode()
    assert form(words) == 0
