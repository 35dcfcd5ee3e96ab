"""Scoring: any list of texts, in order, the same whatever else is in the batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import log_lines
from tinylogbert_daemon.model.artifact import load
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.scorer import Scorer, blank_verdict, text_key
from tinylogbert_daemon.model.shape import shapes

TOLERANCE = 1e-4
TEXTS = sorted({normalize(shape) for shape in shapes("\n".join(log_lines(120)).encode())})
ANY_TEXT = st.one_of(
    st.sampled_from(TEXTS),
    st.just(""),
    st.just("[num] " * 150),
    st.just(" ".join(f"word{chr(97 + i % 26)}" for i in range(126))),
    st.text(max_size=40).map(lambda text: normalize(text.encode("utf-8", "replace"))),
)


@pytest.fixture(scope="module")
def scorer(model_folder: Path) -> Scorer:
    return Scorer(load(str(model_folder)))


def test_nothing_to_score_is_no_work(scorer: Scorer) -> None:
    assert scorer.score([]) == []


def test_an_empty_text_has_no_surprise(scorer: Scorer) -> None:
    for verdict in scorer.score(["", TEXTS[0], ""])[::2]:
        assert (verdict.raw, verdict.severity, verdict.text) == (0.0, 0.0, "")
        assert len(verdict.surprise) == 0
        assert not verdict.cut


def test_a_verdict_holds_what_it_says(scorer: Scorer) -> None:
    for text, verdict in zip(TEXTS, scorer.score(TEXTS), strict=True):
        (encoding,) = scorer.artifact.tokenizer.encode([text])
        assert verdict.text == text
        assert verdict.key == text_key(text)
        assert verdict.surprise.dtype == np.float32
        assert len(verdict.surprise) == len(encoding.ids) - 2
        assert bool((verdict.surprise > 0).all())
        assert verdict.raw == pytest.approx(float(verdict.surprise.mean()), abs=1e-6)
        assert 0 <= verdict.severity <= 1
        assert verdict.embedding.dtype == np.float16
        assert float(np.linalg.norm(verdict.embedding.astype(np.float32))) == pytest.approx(
            1, abs=0.01
        )


def test_an_overlong_text_is_cut_and_scored(scorer: Scorer) -> None:
    (verdict,) = scorer.score(["[num] error " * 200])
    assert verdict.cut
    assert len(verdict.surprise) == 126


@given(texts=st.lists(ANY_TEXT, max_size=20))
@settings(max_examples=40, deadline=None)
def test_a_verdict_is_the_same_alone_and_in_any_batch(scorer: Scorer, texts: list[str]) -> None:
    verdicts = scorer.score(texts)
    assert [verdict.text for verdict in verdicts] == texts, "order is kept"
    for text, verdict in zip(texts, verdicts, strict=True):
        (alone,) = scorer.score([text])
        assert abs(alone.raw - verdict.raw) < TOLERANCE
        assert abs(alone.severity - verdict.severity) < TOLERANCE
        assert np.allclose(alone.surprise, verdict.surprise, atol=5 * TOLERANCE)


def test_the_model_has_learned_what_it_was_trained_on(scorer: Scorer) -> None:
    known = [verdict.raw for verdict in scorer.score(TEXTS)]
    foreign = [
        verdict.raw
        for verdict in scorer.score(
            [
                "zebra quantum flute marmalade",
                "segfault kernel oops panic trace",
                "[mac] [blob] [agent]",
            ]
        )
    ]
    assert max(known) < min(foreign) + 2
    assert np.mean(known) < np.mean(foreign)


def test_keys_have_63_bits_and_differ() -> None:
    keys = {text_key(text) for text in TEXTS}
    assert len(keys) == len(TEXTS)
    assert all(0 <= key < 1 << 63 for key in keys)
    assert blank_verdict("x").key == text_key("x")
