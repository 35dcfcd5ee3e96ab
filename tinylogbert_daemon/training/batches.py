"""Training examples: which texts a step sees, what is masked, and the trouble they mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from tinylogbert_daemon.model.normalize import HTTP_CLASSES, LEVELS, body_start
from tinylogbert_daemon.model.tokenizer import (
    END,
    MASK,
    PAD,
    POSITIONS,
    START,
    Encoding,
    Tokenizer,
)
from tinylogbert_daemon.training.networks import MASK_GROUPS, without_level

NO_LEVEL = -1.0
# How much trouble a level means; an HTTP class stands in where a record carries no level.
_TROUBLE = dict(zip(LEVELS, (0.0, 0.0, 0.0, 0.5, 0.9, 1.0), strict=True)) | dict(
    zip(HTTP_CLASSES, (0.0, 0.0, 0.0, 0.25, 0.9), strict=True)
)
# What part of the severity head's examples each kind is, wherever it occurs: harmless (below
# 0.25), doubtful, trouble (0.75 and above), and records that say nothing, which count as harmless.
_SHARES = {"harmless": 0.40, "doubtful": 0.12, "trouble": 0.36, "unknown": 0.12}
# Words hidden from the severity head in training, so that it does not rest on a single one.
_HIDDEN_SHARE = 0.15
# How often the severity head sees a text without its header, or with that of another: what a
# program or a format is called must not decide.
_HEADERLESS_SHARE = 0.25
_SWAPPED_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's examples, two separate draws.

    For the masked-token head: ``ids``, ``masked`` (``ids`` with [MASK] where ``chosen``), ``mask``
    (false at padding), all (batch, tokens). For the severity head: ``severity_ids`` and
    ``severity_mask`` (batch, tokens) without level and some words, and their ``target``.
    """

    ids: Tensor
    masked: Tensor
    mask: Tensor
    chosen: Tensor
    severity_ids: Tensor
    severity_mask: Tensor
    target: Tensor

    def to(self, device: torch.device) -> Batch:
        """Return the same batch on ``device``."""
        return Batch(*(getattr(self, field.name).to(device) for field in fields(self)))


class Examples:
    """The encoded texts of a corpus, sampled by weight and grouped by length.

    A text is drawn in proportion to ``weights``; the draw of step ``n`` depends on the seed and
    ``n`` alone, so that training can be resumed without saving a generator. ``targets`` are the
    trouble that each text means, by default what its level says.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        texts: Sequence[str],
        weights: Sequence[float],
        seed: int,
        targets: Sequence[float] | None = None,
    ) -> None:
        encodings = tokenizer.encode(texts)
        self._rows = [torch.tensor(encoding.ids) for encoding in encodings]
        self._bodies = [
            _body(text, encoding) for text, encoding in zip(texts, encodings, strict=True)
        ]
        self._lengths = torch.tensor([len(row) for row in self._rows])
        self._weights = torch.tensor(weights, dtype=torch.float64)
        self._seed = seed
        self._targets = torch.tensor(targets or [trouble(text) for text in texts])
        self._severity_weights = _balance(self._targets, self._weights)
        self.levelled = bool(self._severity_weights.sum() > 0)

    def batch(self, step: int, size: int) -> Batch:
        """Return the examples of ``step``: ``size`` texts of similar lengths for each head."""
        random = torch.Generator().manual_seed((self._seed * 1_000_003 + step) % (1 << 63))
        ids, mask = _pad([self._rows[i] for i in self._draw(self._weights, size, random)])
        chosen = _choose(ids, mask, random)
        masked = torch.where(chosen, torch.full_like(ids, MASK), ids)
        if not self.levelled:
            none = ids[:0]
            return Batch(ids, masked, mask, chosen, none, mask[:0], torch.zeros(0))
        picked = self._draw(self._severity_weights, size, random)
        severity_ids, padding = _pad(self._reheaded(picked, random))
        return Batch(
            ids,
            masked,
            mask,
            chosen,
            _hide_words(severity_ids, padding, random),
            without_level(severity_ids, padding),
            self._targets[torch.tensor(picked)].clamp(min=0.0),
        )

    def _draw(self, weights: Tensor, size: int, random: torch.Generator) -> list[int]:
        """Draw ``size`` texts, all out of one of four length bands, which keeps padding low."""
        drawn = torch.multinomial(weights, size * 4, replacement=True, generator=random)
        drawn = drawn[self._lengths[drawn].argsort()]
        band = int(torch.randint(4, (1,), generator=random))
        picked: list[int] = drawn[band * size : (band + 1) * size].tolist()
        return picked

    def _reheaded(self, picked: Sequence[int], random: torch.Generator) -> list[Tensor]:
        """Return the rows ``picked``, some without their header or with one of the others'."""
        dice = torch.rand(len(picked), generator=random).tolist()
        others = torch.randperm(len(picked), generator=random).tolist()
        rows = []
        for i, number in enumerate(picked):
            row, body = self._rows[number], self._bodies[number]
            if dice[i] < _HEADERLESS_SHARE:
                row = torch.cat([row[:1], row[body:]])
            elif dice[i] < _HEADERLESS_SHARE + _SWAPPED_SHARE:
                other = picked[others[i]]
                row = torch.cat([self._rows[other][: self._bodies[other]], row[body:]])
            rows.append(row[:POSITIONS])
        return rows


def _body(text: str, encoding: Encoding) -> int:
    """Return the token at which the body of a text begins, behind time, host, program and level."""
    end = body_start(text.split(" "))
    return next(i for i, word in enumerate(encoding.words[1:], 1) if word >= end or word < 0)


def _pad(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return ids (rows, tokens) and where they are no padding."""
    ids = torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True, padding_value=PAD)
    return ids, ids != PAD


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
    """Return how often each text is drawn for the severity head: its kind's share, by weight.

    Never, if no text shows what trouble is, or none what is harmless.
    """
    kinds = {
        "harmless": (targets >= 0) & (targets < 0.25),
        "doubtful": (targets >= 0.25) & (targets < 0.75),
        "trouble": targets >= 0.75,
        "unknown": targets < 0,
    }
    balanced = torch.zeros_like(weights)
    if not (bool(kinds["trouble"].any()) and bool((kinds["harmless"] | kinds["unknown"]).any())):
        return balanced
    for kind, which in kinds.items():
        if bool(which.any()):
            balanced[which] = weights[which] * _SHARES[kind] / weights[which].sum()
    return balanced


def count_weight(count: int) -> float:
    """Return the sampling weight of a text that ``count`` records gave: 1 + ln(count)."""
    return 1.0 + math.log(count)
