"""When many different texts of one source become anomalous at once, they are one incident."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

EXAMPLES = 10
"""How many of its texts a storm shows."""

MEMBERS = 1000
"""How many texts a storm knows one by one; further ones are counted as records only."""


@dataclass(frozen=True, slots=True)
class Example:
    """One text of a storm, with its first raw record."""

    line: str
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Storm:
    """The texts of a storm, by key; ``more`` says that there were others beyond those.

    ``alone`` is how many texts had opened an incident of their own just before, ``joined`` the log
    time (seconds) at which the last new text came.
    """

    keys: tuple[int, ...]
    examples: tuple[Example, ...]
    alone: int
    joined: float
    more: bool = False


def joined(storm: Storm, texts: Iterable[tuple[int, Example]], until: float) -> Storm:
    """Return ``storm`` with new texts: the most severe examples stay, in order of appearance."""
    found = list(texts)
    room = max(0, MEMBERS - len(storm.keys))
    keys = storm.keys + tuple(key for key, _ in found[:room])
    examples = [*storm.examples, *(example for _, example in found)]
    by_score = sorted(range(len(examples)), key=lambda i: -examples[i].score)
    return replace(
        storm,
        keys=keys,
        examples=tuple(examples[i] for i in sorted(by_score[:EXAMPLES])),
        joined=max(storm.joined, until),
        more=storm.more or len(found) > room,
    )


def gusts(
    times: Sequence[float], recent: Iterable[float], texts: int, seconds: float
) -> list[list[int]]:
    """Return which of ``times`` are part of a storm, as lists of indexes, one list a storm.

    ``times`` are when new texts came, ``recent`` when texts before them did (seconds). A storm is
    where more than ``texts`` come within ``seconds``.

    >>> gusts([100.0, 1.0, 2.0, 3.0, 200.0], [0.0], texts=3, seconds=60.0)
    [[1, 2, 3]]
    """
    all_ = sorted([*((time, -1) for time in recent), *zip(times, range(len(times)), strict=True)])
    moments = [time for time, _ in all_]
    found: list[list[int]] = []
    reached = 0  # everything before this place has been looked at
    for start, time in enumerate(moments):
        end = bisect_right(moments, time + seconds)
        if end - start <= texts or end <= reached:
            continue
        if start >= reached:
            found.append([])
        found[-1] += [index for _, index in all_[max(start, reached) : end] if index >= 0]
        reached = end
    return [sorted(indexes) for indexes in found if indexes]
