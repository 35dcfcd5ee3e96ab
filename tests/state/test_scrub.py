"""What was kept before a rule was on is masked once it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.decide.anomalies import anomaly
from tinylogbert_daemon.decide.alert import body
from tinylogbert_daemon.decide.difference import Nearest
from tinylogbert_daemon.decide.incident import Incident
from tinylogbert_daemon.decide.storms import Example, Storm
from tinylogbert_daemon.privacy import Masker
from tinylogbert_daemon.state import Effects, Store
from tinylogbert_daemon.state.owed import OwedText

LINE = "login with password=geheimnis failed"
TEXT = "login with password geheimnis failed"
SHOWN = "login with password [id] failed"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "state")
    yield made
    made.close()


def _content(store: Store) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(store.path.parent.glob("state.db*")))


def _keep(store: Store) -> Incident:
    """Have the state keep a secret wherever it can be; return the incident."""
    first = replace(
        anomaly(TEXT),
        first_line=LINE,
        last_line=LINE,
        reason='may be trouble; least expected: "geheimnis" 60%, "login" 10%',
        words=(("geheimnis", 0.6), ("login", 0.1)),
        nearest=Nearest("login", "app", 0.9, (("same", "login"), ("here", "geheimnis"))),
    )
    storm = Storm((1, 2), (Example(LINE, TEXT, 0.9),), 0, 1.0)
    kept = Incident(first.id, first, 1.0, 2.0, 3, LINE, True, peak=0.9, storm=storm)
    owed = OwedText(first, LINE.encode(), 1.0, learning=False, readback=False, text=TEXT)
    plain = anomaly("nothing to hide")
    other = Incident(plain.id, plain, 1.0, 2.0, 3, "nothing", True, peak=plain.score)
    store.commit(
        Effects(
            counts={first.key: (2.0, 1.0, LINE.encode()), 5: (1.0, 1.0, b"plain")},
            incidents={kept.id: kept, other.id: other},
            deliveries=[("jsonl", kept.id, body(kept)), ("jsonl", "x", '{"block": 1}')],
            owed={owed.place: owed},
        )
    )
    return kept


def test_a_secret_that_was_kept_is_nowhere_any_more(store: Store) -> None:
    before = _keep(store)
    counts = store.counts()
    assert b"geheimnis" in _content(store)
    store.scrub(Masker())
    assert b"geheimnis" not in _content(store)
    assert store.counts() == counts
    (after,) = (one for one in store.incidents() if one.id == before.id)
    assert after.first.key == before.first.key
    assert (
        after.first.first_line == after.last_line == LINE.replace("geheimnis", "[masked:password]")
    )
    assert after.first.text == SHOWN
    assert after.first.words == (("[masked]", 0.6), ("login", 0.1))
    assert after.first.reason.endswith('least expected: a masked secret 60%, "login" 10%')
    assert after.storm is not None and after.storm.examples[0].text == SHOWN
    (owed,) = store.owed()
    assert (owed.first.text, owed.text) == (SHOWN, SHOWN)
    assert owed.shape == b"login with password=masked0x0 failed"
    assert (b"login with password=masked0x0 failed", 2.0) in store.sample_shapes(4096, 9)
    assert {one.first.text for one in store.incidents()} == {SHOWN, "nothing to hide"}


def test_it_is_done_once_for_the_same_rules(store: Store) -> None:
    store.scrub(Masker())
    _keep(store)  # as no daemon with these rules would
    store.scrub(Masker())
    assert b"geheimnis" in _content(store)
    store.scrub(Masker(["card-number"]))
    assert b"geheimnis" not in _content(store)


def test_what_was_kept_while_masking_was_off_is_masked_when_it_is_on_again(store: Store) -> None:
    store.scrub(Masker())
    store.scrub(None)
    _keep(store)
    store.scrub(None)
    assert b"geheimnis" in _content(store)
    store.scrub(Masker())
    assert b"geheimnis" not in _content(store)


def test_a_rule_that_is_added_finds_what_is_there(store: Store) -> None:
    _keep(store)
    assert "disk 1 failed" in {one.first.first_line for one in store.incidents()}
    store.scrub(Masker(own={"disk": r"disk \d"}))
    found = {one.first.first_line for one in store.incidents()}
    assert found == {"[masked:disk] failed", LINE.replace("geheimnis", "[masked:password]")}
