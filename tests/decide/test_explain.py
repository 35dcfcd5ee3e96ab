"""The reason names what speaks against a record, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import log_lines
from tests.decide.verdicts import verdict
from tinylogbert_daemon.decide.explain import WORDS, reason, surprising_words
from tinylogbert_daemon.decide.score import Decision
from tinylogbert_daemon.model.artifact import load
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.scorer import Scorer, blank_verdict
from tinylogbert_daemon.model.shape import shapes

_ODD = [
    "",
    " ",
    "x" * 5000,
    "a " * 500,
    "\u2028\u00a0 \x00 [MASK] [PAD] [CLS]",
    "Ünïcödé ошибка 错误 🔥🔥",
    "a-b_c.d,e;f:g!h?i(j)k[l]m{n}o",
]


def test_words_and_shares_of_real_verdicts(model_folder: Path) -> None:
    scorer = Scorer(load(str(model_folder)))
    block = "".join(f"{line}\n" for line in log_lines(20) + _ODD).encode()
    texts = list(dict.fromkeys(map(normalize, shapes(block))))
    for found in scorer.score(texts):
        words = surprising_words(found, scorer.artifact.tokenizer)
        assert len(words) <= WORDS
        assert (words == ()) == (not found.text)
        named = found.text.split(" ")
        shares = [share for _, share in words]
        assert all(word in named for word, _ in words)
        assert shares == sorted(shares, reverse=True)
        assert 0 <= sum(shares) <= 1.002


def test_nothing_surprises_where_nothing_was_scored(model_folder: Path) -> None:
    tokenizer = load(str(model_folder)).tokenizer
    for found in (blank_verdict(), blank_verdict("the model failed on this")):
        assert surprising_words(found, tokenizer) == ()


@pytest.mark.parametrize(
    ("severity", "novelty", "learning", "expected"),
    [
        (
            0.9,
            1.0,
            False,
            "reads like trouble (severity 0.90); never seen on this host; "
            "surprise 3.0 nats a token, most in: disk 61%, failed 30%",
        ),
        (
            0.2,
            0.2,
            False,
            "rare on this host; surprise 3.0 nats a token, most in: disk 61%, failed 30%",
        ),
        (
            0.2,
            1.0,
            True,
            "source still learning; surprise 3.0 nats a token, most in: disk 61%, failed 30%",
        ),
        (0.2, 0.01, False, "surprise 3.0 nats a token, most in: disk 61%, failed 30%"),
    ],
)
def test_the_reason(severity: float, novelty: float, learning: bool, expected: str) -> None:
    words = (("disk", 0.612), ("failed", 0.3))
    decision = Decision(0.8, novelty, True)
    found = reason(verdict(severity=severity), decision, words, learning=learning)
    assert found == expected
