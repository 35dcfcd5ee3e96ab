"""The reason names what speaks against a record, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import log_lines
from tests.decide.verdicts import verdict
from tinylogbert_daemon.decide.explain import WORDS, reason, spoken, surprising_words
from tinylogbert_daemon.decide.score import Decision
from tinylogbert_daemon.model.artifact import load
from tinylogbert_daemon.model.normalize import VALUES, normalize
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
        (0.9, 1.0, False, "reads like trouble (severity 0.90); never seen on this host; "),
        (0.6, 0.4, False, "may be trouble (severity 0.60); rare on this host; "),
        (
            0.2,
            1.0,
            True,
            "the wording alone tells little (severity 0.20); "
            "never seen on this host (still learning this log); ",
        ),
        (0.2, 0.01, False, "the wording alone tells little (severity 0.20); known on this host; "),
    ],
)
def test_the_reason(severity: float, novelty: float, learning: bool, expected: str) -> None:
    words = (("disk", 0.612), ("[num]", 0.3))
    decision = Decision(0.8, novelty, True)
    found = reason(verdict(severity=severity), decision, words, learning=learning)
    assert found == expected + 'least expected: "disk" 61%, a number 30%'


def test_a_reason_without_words() -> None:
    decision = Decision(0.8, 1.0, True)
    found = reason(verdict(severity=0.95), decision, (), learning=False)
    assert found == "reads like trouble (severity 0.95); never seen on this host"


def test_the_header_is_no_surprise_and_a_repeated_word_is_named_once(model_folder: Path) -> None:
    scorer = Scorer(load(str(model_folder)))
    (found,) = scorer.score(["[time] [host] again [num] again [num] again"])
    words = dict(surprising_words(found, scorer.artifact.tokenizer))
    assert set(words) == {"again", "[num]"}


@pytest.mark.parametrize("token", VALUES)
def test_every_typed_token_of_a_value_has_a_name(token: str) -> None:
    assert token in ("[time]", "[host]") or "[" not in spoken(token)
