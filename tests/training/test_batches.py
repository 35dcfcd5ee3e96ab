"""Examples: what is masked, how levels weigh, and that a step's draw depends on nothing else."""

from __future__ import annotations

import pytest
import torch

from tinylogbert_daemon.model.normalize import LEVELS
from tinylogbert_daemon.model.tokenizer import END, MASK, PAD, SPECIAL_TOKENS, START
from tinylogbert_daemon.training.batches import NO_LEVEL, Examples, count_weight, trouble
from tinylogbert_daemon.training.vocabulary import train_tokenizer

TEXTS = [
    f"[time] {level} {'word ' * length}end"
    for level in ("[info]", "[error]", "plain")
    for length in (1, 5, 20)
]
TOKENIZER = train_tokenizer(TEXTS)


def examples(weights: list[float] | None = None, seed: int = 0) -> Examples:
    return Examples(TOKENIZER, TEXTS, weights or [1.0] * len(TEXTS), seed)


def test_only_content_is_masked_and_the_rest_is_as_it_was() -> None:
    for step in range(20):
        batch = examples().batch(step, 4)
        assert torch.equal(batch.mask, batch.ids != PAD)
        assert not bool((batch.chosen & ((batch.ids == START) | (batch.ids == END))).any())
        assert not bool((batch.chosen & ~batch.mask).any())
        assert bool((batch.masked[batch.chosen] == MASK).all())
        assert torch.equal(batch.masked[~batch.chosen], batch.ids[~batch.chosen])


def test_the_draw_of_a_step_depends_on_seed_and_step_alone() -> None:
    one, other = examples(), examples()
    other.batch(0, 4)
    assert torch.equal(one.batch(7, 4).masked, other.batch(7, 4).masked)
    assert not torch.equal(one.batch(7, 4).ids, examples(seed=1).batch(7, 4).ids)
    assert examples(seed=(1 << 32) - 1).batch(7, 4).ids.shape[0] == 4


def test_texts_are_drawn_by_weight() -> None:
    weights = [1e-9] * len(TEXTS)
    weights[4] = 1.0
    batch = examples(weights).batch(0, 3)
    (encoding,) = TOKENIZER.encode([TEXTS[4]])
    assert batch.ids.tolist() == [encoding.ids] * 3


def test_kinds_are_drawn_by_their_shares_whatever_their_weight() -> None:
    weights = [1.0] * 3 + [0.01] * 3 + [1.0] * 3
    found = examples(weights)
    targets = torch.cat([found.batch(step, 16).target for step in range(300)])
    trouble_share = float((targets == 0.9).float().mean())
    assert trouble_share == pytest.approx(0.36 / (0.40 + 0.36 + 0.12), abs=0.06)


def test_targets_of_the_caller_stand_above_the_level() -> None:
    targets = [0.0] * len(TEXTS)
    targets[-1] = 0.9
    found = Examples(TOKENIZER, TEXTS, [1.0] * len(TEXTS), 0, targets)
    seen = {round(value, 3) for step in range(20) for value in found.batch(step, 8).target.tolist()}
    assert seen == {0.0, 0.9}


@pytest.mark.parametrize("texts", [["[info] well", "nothing"], ["[error] bad", "[fatal] worse"]])
def test_where_all_is_well_or_all_is_ill_nothing_is_learned_of_severity(texts: list[str]) -> None:
    found = Examples(TOKENIZER, texts, [1.0, 1.0], 0)
    assert not found.levelled
    assert found.batch(0, 8).target.shape == (0,)


def test_the_severity_head_sees_neither_level_nor_all_words() -> None:
    special = SPECIAL_TOKENS.index
    levels = torch.tensor([special(level) for level in LEVELS])
    hidden = 0
    for step in range(10):
        batch = examples().batch(step, 16)
        seen = batch.severity_ids[batch.severity_mask]
        assert not bool(torch.isin(seen, levels).any())
        hidden += int((seen == MASK).sum())
    assert hidden


def test_some_headers_are_taken_off_or_swapped_and_bodies_stay() -> None:
    texts = [
        "[time] [host] alpha [num] [error] disk full now",
        "[time] beta [info] all went well",
    ]
    tokenizer = train_tokenizer(texts)
    found = Examples(tokenizer, texts, [1.0, 1.0], 0)
    encodings = tokenizer.encode(texts)
    whole = {tuple(encoding.ids) for encoding in encodings}
    starts = {"[time]": 0, "disk": 0, "all": 0}
    for step in range(60):
        batch = found.batch(step, 8)
        for ids in batch.severity_ids:
            row = [i for i in ids.tolist() if i != PAD]
            assert row[0] == START and row[-1] == END
            for word in starts:
                (first, *_) = tokenizer.encode([word])[0].ids[1:]
                starts[word] += row[1] == first
    assert all(starts.values()), starts
    assert whole


def test_the_first_level_or_http_class_says_how_much_trouble() -> None:
    assert trouble("[time] [fatal] [error]") == 1.0
    assert trouble("[time] [error] [info]") == 0.9
    assert trouble("[ip] get [path] [5xx] [num]") == 0.9
    assert trouble("[ip] get [path] [2xx] [num]") == 0.0
    assert trouble("[time] [warn] low") == 0.5
    assert trouble("error") == NO_LEVEL
    assert count_weight(1) == 1.0
