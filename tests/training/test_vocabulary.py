"""The vocabulary: the same in every run, with nothing spent on typed tokens."""

from __future__ import annotations

import subprocess
import sys

from tests.conftest import log_lines
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.shape import shapes
from tinylogbert_daemon.model.tokenizer import SPECIAL_TOKENS, UNKNOWN
from tinylogbert_daemon.training.vocabulary import train_tokenizer

TEXTS = sorted({normalize(shape) for shape in shapes("\n".join(log_lines(300)).encode())})


def test_the_same_texts_give_the_same_vocabulary_in_another_process() -> None:
    # the library alone does not: its hash maps differ from run to run
    code = (
        "import sys, json; from tinylogbert_daemon.training.vocabulary import train_tokenizer; "
        "sys.stdout.write(train_tokenizer(json.load(sys.stdin)).to_json())"
    )
    import json

    other = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(TEXTS),
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout == train_tokenizer(TEXTS).to_json()
    assert other.stdout == train_tokenizer(reversed(TEXTS)).to_json()


def test_special_tokens_come_first_and_are_never_taken_apart() -> None:
    tokenizer = train_tokenizer(TEXTS)

    found = sorted(tokenizer.vocabulary(), key=tokenizer.vocabulary().__getitem__)
    assert tuple(found[: len(SPECIAL_TOKENS)]) == SPECIAL_TOKENS
    assert not any("[" in token for token in found[len(SPECIAL_TOKENS) :])
    assert tokenizer.encode(["[time] [error]"])[0].tokens == ["[CLS]", "[time]", "[error]", "[SEP]"]


def test_the_size_is_a_limit_and_any_word_has_pieces() -> None:
    tokenizer = train_tokenizer(TEXTS, size=120)

    assert tokenizer.size <= 120
    (encoding,) = tokenizer.encode(["qqqxyz"])
    assert UNKNOWN not in encoding.ids


def test_characters_never_seen_are_unknown_and_nothing_raises() -> None:
    (encoding,) = train_tokenizer(TEXTS).encode(["ẞ語 known"])
    assert UNKNOWN in encoding.ids
    assert train_tokenizer([""]).size > len(SPECIAL_TOKENS)
