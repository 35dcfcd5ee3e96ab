"""Our tokenizer against transformers', made from the same file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from tests.conftest import log_lines
from tinylogbert_daemon.errors import ArtifactError
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.shape import record, shapes
from tinylogbert_daemon.model.tokenizer import (
    CONTROL_TOKENS,
    END,
    POSITIONS,
    SPECIAL_TOKENS,
    START,
    Tokenizer,
)

LINES = st.one_of(st.sampled_from(log_lines(60)), st.text(max_size=80))


def test_it_equals_transformers_tokenizer_of_the_same_file(model_folder: Path) -> None:
    file = model_folder / "tokenizer.json"
    oracle = PreTrainedTokenizerFast(tokenizer_file=str(file), unk_token="[UNK]")
    ours = Tokenizer(file.read_text())

    @given(lines=st.lists(LINES, min_size=1, max_size=5))
    @settings(deadline=None)
    def check(lines: list[str]) -> None:
        texts = [normalize(shapes(record(line) + b"\n")[0]) for line in lines]
        expected = oracle(texts, truncation=True, max_length=POSITIONS)["input_ids"]
        found = ours.encode(texts)
        assert [encoding.ids for encoding in found] == expected
        for encoding in found:
            assert encoding.tokens == oracle.convert_ids_to_tokens(encoding.ids)

    check()


def test_words_say_where_a_token_comes_from(model_folder: Path) -> None:
    tokenizer = Tokenizer((model_folder / "tokenizer.json").read_text())
    (found,) = tokenizer.encode(["[time] unheardofword [num]"])

    assert found.ids[0] == START
    assert found.ids[-1] == END
    assert found.words[0] == found.words[-1] == -1
    assert found.words[1:-1] == sorted(found.words[1:-1])
    assert set(found.words[1:-1]) == {0, 1, 2}
    assert not found.cut


def test_a_long_text_is_cut_and_says_so(model_folder: Path) -> None:
    tokenizer = Tokenizer((model_folder / "tokenizer.json").read_text())
    long, exact = tokenizer.encode(["[num] " * 200, "[num] " * (POSITIONS - 2)])

    assert len(long.ids) == len(exact.ids) == POSITIONS
    assert long.ids[-1] == END
    assert long.cut
    assert not exact.cut
    assert tokenizer.encode([]) == []
    assert tokenizer.encode([""])[0].ids == [START, END]


def test_what_is_no_tokenizer_or_another_ones_is_refused(model_folder: Path) -> None:
    content = (model_folder / "tokenizer.json").read_text()
    for wrong in ("", "{}", "not json", '{"model": 5}'):
        with pytest.raises(ArtifactError, match="is not a tokenizer"):
            Tokenizer(wrong)
    with pytest.raises(ArtifactError, match="made by another version"):
        Tokenizer(content.replace("[LEVEL]", "[OTHER]"))


def test_control_tokens_have_the_first_ids(model_folder: Path) -> None:
    vocabulary = Tokenizer((model_folder / "tokenizer.json").read_text()).vocabulary()
    assert [vocabulary[token] for token in SPECIAL_TOKENS] == list(range(len(SPECIAL_TOKENS)))
    assert len(CONTROL_TOKENS) == 6
