"""The size of an encoder."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """What an encoder measures: ``width`` of its hidden states, ``inner`` of its feed-forward."""

    width: int
    layers: int
    heads: int
    inner: int
