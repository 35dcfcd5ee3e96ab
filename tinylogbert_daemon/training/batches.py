"""Training examples: which texts a step sees, what is masked, and the level they carry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from tinylogbert_daemon.model.normalize import HTTP_CLASSES, LEVELS
from tinylogbert_daemon.model.tokenizer import END, MASK, PAD, START, Tokenizer
from tinylogbert_daemon.training.networks import MASK_GROUPS, hide_level

NO_LEVEL = -1
# How much trouble a level means; an HTTP class stands in where a record carries no level.
_TROUBLE = dict(zip(LEVELS, (0.0, 0.0, 0.0, 0.5, 1.0, 1.0), strict=True)) | dict(
    zip(HTTP_CLASSES, (0.0, 0.0, 0.0, 0.25, 1.0), strict=True)
)
_CLASS_WEIGHT_LIMIT = 20.0
# Records without a level are mostly harmless: they count as such, but little.
_UNLABELLED_WEIGHT = 0.15
# Words hidden from the severity head in training, so that it does not rest on a single one.
_HIDDEN_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's examples: five tensors (batch, tokens), and two (batch).

    ``masked`` is ``ids`` with [MASK] where ``chosen`` is true; ``mask`` is false at padding.
    ``unlevelled`` is ``ids`` for the severity head, without level and some words. ``target`` is the
    trouble that the level means, of loss weight ``weight``.
    """

    ids: Tensor
    masked: Tensor
    mask: Tensor
    chosen: Tensor
    unlevelled: Tensor
    target: Tensor
    weight: Tensor

    def to(self, device: torch.device) -> Batch:
        """Return the same batch on ``device``."""
        return Batch(*(getattr(self, field.name).to(device) for field in fields(self)))


class Examples:
    """The encoded texts of a corpus, sampled by weight and grouped by length.

    A text is drawn in proportion to ``weights``; the draw of step ``n`` depends on the seed and
    ``n`` alone, so that training can be resumed without saving a generator.
    """

    def __init__(
        self, tokenizer: Tokenizer, texts: Sequence[str], weights: Sequence[float], seed: int
    ) -> None:
        encodings = tokenizer.encode(texts)
        self._rows = [torch.tensor(encoding.ids) for encoding in encodings]
        self._lengths = torch.tensor([len(row) for row in self._rows])
        self._weights = torch.tensor(weights, dtype=torch.float64)
        self._seed = seed
        self._targets = torch.tensor([trouble(text) for text in texts])
        self._class_weights = _balance(self._targets, self._weights)

    def batch(self, step: int, size: int) -> Batch:
        """Return the examples of ``step``: ``size`` texts of similar lengths."""
        random = torch.Generator().manual_seed((self._seed * 1_000_003 + step) % (1 << 63))
        # One of four length bands a step keeps padding low without a fixed order of texts.
        drawn = torch.multinomial(self._weights, size * 4, replacement=True, generator=random)
        drawn = drawn[self._lengths[drawn].argsort()]
        band = int(torch.randint(4, (1,), generator=random))
        picked = drawn[band * size : (band + 1) * size]
        rows = [self._rows[i] for i in picked.tolist()]
        ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)
        mask = ids != PAD
        chosen = _choose(ids, mask, random)
        return Batch(
            ids,
            torch.where(chosen, torch.full_like(ids, MASK), ids),
            mask,
            chosen,
            _hide_words(hide_level(ids), mask, random),
            self._targets[picked].clamp(min=0.0),
            self._class_weights[picked],
        )


def _choose(ids: Tensor, mask: Tensor, random: torch.Generator) -> Tensor:
    """Mask as the verdict does, an interleaved group, in half of the rows; at random elsewhere."""
    rows, tokens = ids.shape
    scored = mask & (ids != START) & (ids != END)
    turn = (
        torch.arange(tokens) + torch.randint(MASK_GROUPS, (rows, 1), generator=random)
    ) % MASK_GROUPS
    scattered = torch.rand((rows, tokens), generator=random) < 1 / MASK_GROUPS
    interleaved = torch.rand((rows, 1), generator=random) < 0.5
    return scored & torch.where(interleaved, turn == 0, scattered)


def _hide_words(ids: Tensor, mask: Tensor, random: torch.Generator) -> Tensor:
    hidden = (torch.rand(ids.shape, generator=random) < _HIDDEN_SHARE) & mask
    hidden &= (ids != START) & (ids != END)
    return torch.where(hidden, torch.full_like(ids, MASK), ids)


def trouble(text: str) -> float:
    """Return how much trouble the level of ``text`` means, in [0, 1], or ``NO_LEVEL``."""
    found = [_TROUBLE[word] for word in text.split(" ") if word in _TROUBLE]
    return found[0] if found else NO_LEVEL


def _balance(targets: Tensor, weights: Tensor) -> Tensor:
    """Return each example's loss weight, such that every level class weighs the same.

    Texts without a level weigh little; nothing, where no text shows what trouble is.
    """
    known = bool((targets > 0).any())
    balanced = torch.full((len(targets),), _UNLABELLED_WEIGHT if known else 0.0)
    classes = [value for value in sorted(set(targets.tolist())) if value != NO_LEVEL]
    total = float(weights[targets != NO_LEVEL].sum())
    for value in classes:
        share = float(weights[targets == value].sum()) / total
        balanced[targets == value] = min(_CLASS_WEIGHT_LIMIT, 1 / (share * len(classes)))
    return balanced


def count_weight(count: int) -> float:
    """Return the sampling weight of a text that ``count`` records gave: 1 + ln(count)."""
    return 1.0 + math.log(count)
