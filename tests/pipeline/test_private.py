"""What is kept of a line with a secret, and what the model reads of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.pipeline.parts import Bench, File, by_words
from tinylogbert_daemon.decide.score import EPISODE_SECONDS
from tinylogbert_daemon.model.artifact import Artifact, load
from tinylogbert_daemon.model.scorer import Scorer, text_key
from tinylogbert_daemon.pipeline.private import SAMPLE_BYTES, Private
from tinylogbert_daemon.privacy import Masker
from tinylogbert_daemon.state import Effects, Store

LINE = "boom: cannot log in with password=geheimnis as alice"
TEXT = "boom cannot log in with password geheimnis as alice"
SHOWN = "boom cannot log in with password [id] as alice"


@pytest.fixture(scope="module")
def artifact(model_folder: Path) -> Artifact:
    return load(str(model_folder))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "state")
    yield made
    made.close()


def _kept(effects: Effects) -> str:
    """Return all that effects hold, as text."""
    return repr(effects)


def test_a_secret_is_in_nothing_that_is_kept_or_sent(artifact: Artifact) -> None:
    bench, file = Bench(artifact), File()
    bench.process(file.block("all is well", LINE, "boom: again with password=geheimnis"))
    effects = bench.take()
    assert "geheimnis" not in _kept(effects)
    (found, _) = effects.incidents.values()
    assert found.first.first_line == LINE.replace("geheimnis", "[masked:password]")
    assert found.first.text == SHOWN
    shape = effects.counts[text_key(TEXT)][2]
    assert shape == b"boom: cannot log in with password=masked0x0 as alice"
    body = json.loads(effects.deliveries[0][2])
    assert (body["log_text"], body["text"]) == (found.first.first_line, SHOWN)


def test_the_model_reads_what_it_always_did_and_keys_stay(artifact: Artifact) -> None:
    bench, file = Bench(artifact), File()
    bench.process(file.block(LINE))
    (found,) = bench.effects.incidents.values()
    assert bench.scored == [TEXT]
    assert found.first.key == text_key(TEXT)


def test_last_lines_and_the_examples_of_storms_are_masked_too(artifact: Artifact) -> None:
    bench, file = Bench(artifact), File()
    names = ["red", "green", "blue", "black", "white", "brown", "pink"]
    bench.process(file.block(*[f"boom {name} token=gehe1mnis" for name in names]))
    bench.process(file.block("boom red token=gehe1mnis"))
    (found,) = bench.effects.incidents.values()
    assert found.storm is not None
    assert "[masked:token]" in found.last_line
    assert all("[masked:token]" in one.line for one in found.storm.examples)
    assert "gehe" not in _kept(bench.effects)


def test_an_explanation_names_no_word_of_a_secret(artifact: Artifact) -> None:
    scorer = Scorer(artifact)

    def score(texts: Sequence[str]) -> list:  # type: ignore[type-arg]  # of verdicts
        return scorer.score(texts)

    bench, file = Bench(artifact, score=score, threshold=0.0), File()
    bench.process(file.block("password=qzxwvkj"))
    (found,) = bench.effects.incidents.values()
    assert {word for word, _ in found.first.words} == {"password", "[masked]"}
    assert "a masked secret" in found.first.reason
    assert "qzxw" not in _kept(bench.effects)


def test_a_normal_text_with_a_secret_explains_no_other(artifact: Artifact) -> None:
    scorer = Scorer(artifact)
    bench, file = Bench(artifact, score=scorer.score, threshold=1.0), File()
    for _ in range(3):
        bench.process(file.block(*["disk sda is ready", "disk sda uses password=geheimnis"] * 5))
        bench.clock.advance(EPISODE_SECONDS)
    bench.decider.threshold = 0.0
    bench.process(file.block("disk sda uses password=boom"))
    assert "geheimnis" not in _kept(bench.effects)
    held = {text for _, text, _ in bench.processor._feeding.normals._texts}
    assert not any("geheimnis" in text for text in held)


@pytest.mark.parametrize("mask", [True, False])
def test_whether_lines_and_samples_are_masked_can_be_chosen(artifact: Artifact, mask: bool) -> None:
    bench, file = Bench(artifact), File()
    bench.processor._private = Private(Masker(), mask_kept=mask)
    bench.process(file.block(LINE))
    (found,) = bench.effects.incidents.values()
    shape = bench.effects.counts[text_key(TEXT)][2]
    assert (found.first.first_line == LINE) is (not mask)
    assert (b"geheimnis" in shape) is (not mask)
    assert found.first.text == SHOWN  # in explanations it is of no use


def test_a_secret_at_the_end_of_what_is_kept_is_masked_before_it_is_cut(artifact: Artifact) -> None:
    bench, file = Bench(artifact), File()
    key = "AKIAIOSFODNN7EXAMPLE"
    bench.process(file.block("boom " + "x" * (2048 - 5 - 11) + f" {key} and so on"))
    (found,) = bench.effects.incidents.values()
    assert len(found.first.first_line) == 2048
    assert "AKIA" not in found.first.first_line


def test_a_shape_that_nobody_would_read_is_no_sample(artifact: Artifact) -> None:
    bench, file = Bench(artifact, score=by_words), File()
    bench.process(file.block("a " * SAMPLE_BYTES + "password=geheimnis", "short"))
    assert sorted(shape for _, _, shape in bench.effects.counts.values()) == [b"", b"short"]


def test_nothing_is_looked_at_twice(artifact: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    bench, file = Bench(artifact), File()
    looked: list[bytes] = []
    masker = Masker()
    real = masker.shape

    def look(shape: bytes) -> bytes:
        looked.append(shape)
        return real(shape)

    monkeypatch.setattr(masker, "shape", look)
    bench.processor._private = Private(masker)
    for _ in range(3):
        bench.process(file.block(*["request 17 took 5 ms"] * 100))
    assert looked == [b"request 00 took 0 ms"]


def test_the_masked_state_still_teaches_wording(artifact: Artifact, store: Store) -> None:
    from tinylogbert_daemon.state.samples import seen

    bench, file = Bench(artifact), File()
    bench.process(file.block(LINE, "all is well"))
    store.commit(bench.take())
    found = seen(store.path.parent, 10, 1e9)
    # training leaves out the texts of incidents: they are the same in both places
    assert set(found.counts) == {SHOWN, "all is well"}
    assert [one.text for one in found.incidents] == [SHOWN]
