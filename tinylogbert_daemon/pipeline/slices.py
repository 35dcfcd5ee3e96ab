"""The work on a block's new shapes, cut into slices: in a storm other paths get their turn."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from itertools import islice

from tinylogbert_daemon.model.scorer import Verdict, blank_verdict
from tinylogbert_daemon.model.verdicts import FULL, Misses, VerdictCache
from tinylogbert_daemon.pipeline.private import Private

SLICE = 256
"""Shapes that are worked on at a stretch: some 10 ms."""


async def resolved(cache: VerdictCache, shapes: Sequence[bytes], form: int = FULL) -> Misses:
    """Return what :meth:`VerdictCache.resolve` does of all ``shapes``, which have one ``form``."""
    misses = cache.resolve(shapes[:SLICE], form)
    for start in range(SLICE, len(shapes), SLICE):
        await asyncio.sleep(0)
        part = cache.resolve(shapes[start : start + SLICE], form)
        misses.found.update(part.found)
        for text, of_text in part.wanted.items():
            misses.wanted.setdefault(text, []).extend(of_text)
    return misses


async def sampled(private: Private, found: Mapping[bytes, Verdict]) -> dict[int, bytes]:
    """Return what :meth:`Private.samples` does of all that was ``found``."""
    left = iter(found.items())
    samples: dict[int, bytes] = {}
    while part := dict(islice(left, SLICE)):
        samples.update(private.samples(part))
        if len(part) == SLICE:
            await asyncio.sleep(0)
    return samples


def stand_ins(misses: Misses) -> list[Verdict]:
    """Give the shapes that are still wanted a blank verdict of their text, and return those."""
    made = []
    for text, of_text in misses.wanted.items():
        made.append(blank_verdict(text))
        misses.found.update(dict.fromkeys(of_text, made[-1]))
    misses.wanted.clear()
    return made
