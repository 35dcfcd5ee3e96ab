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


def test_levels_weigh_the_same_whatever_their_share() -> None:
    weights = [1.0] * 3 + [0.1] * 3 + [1.0] * 3
    found = examples(weights)
    levels = {tuple(e.ids): trouble(t) for e, t in zip(TOKENIZER.encode(TEXTS), TEXTS, strict=True)}
    sums = {0.0: 0.0, 1.0: 0.0}
    unlabelled = set()
    for step in range(400):
        batch = found.batch(step, 8)
        for row, mask, weight in zip(batch.ids, batch.mask, batch.weight.tolist(), strict=True):
            level = levels[tuple(row[mask].tolist())]
            if level == NO_LEVEL:
                unlabelled.add(weight)
            else:
                sums[level] += weight
    assert sums[1.0] == pytest.approx(sums[0.0], rel=0.25)
    assert 0 < max(unlabelled) < 0.5


def test_without_any_trouble_nothing_is_learned_of_severity() -> None:
    texts = ["[info] all is well", "nothing to see"]
    found = Examples(TOKENIZER, texts, [1.0, 1.0], 0)
    weights = {weight for step in range(8) for weight in found.batch(step, 8).weight.tolist()}
    assert weights == {0.0, 1.0}


def test_the_severity_head_sees_neither_level_nor_all_words() -> None:
    batch = examples([1.0] * len(TEXTS)).batch(3, 16)
    special = SPECIAL_TOKENS.index
    seen = set(batch.unlevelled.flatten().tolist())
    assert not seen & {special(level) for level in LEVELS}
    assert MASK in seen
    assert (batch.unlevelled == batch.ids).float().mean() > 0.5


def test_the_first_level_or_http_class_says_how_much_trouble() -> None:
    assert trouble("[time] [error] [info]") == 1.0
    assert trouble("[ip] get [path] [5xx] [num]") == 1.0
    assert trouble("[ip] get [path] [2xx] [num]") == 0.0
    assert trouble("[time] [warn] low") == 0.5
    assert trouble("error") == NO_LEVEL
    assert count_weight(1) == 1.0
