"""Whole-block rewrites of records, at C speed where nothing is to be rewritten."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Substitution(ABC):
    """A whole-block rewrite of what ``pattern`` matches, which never matches a newline.

    Each match holds one of ``guards``. ``shaped`` matches the shape of any record that is
    rewritten, if not only those.
    """

    name: str
    guards: tuple[bytes, ...]
    pattern: re.Pattern[bytes]
    shaped: re.Pattern[bytes]
    rewrite: Callable[[re.Match[bytes]], bytes]

    @abstractmethod
    def apply(self, data: bytes) -> bytes:
        """Return ``data`` rewritten; the same object if nothing is to be rewritten."""

    def concerns(self, shape: bytes) -> bool:
        """Tell whether a record of ``shape``, to which this was not applied, may be rewritten."""
        return any(guard.lstrip(b"\n") in shape for guard in self.guards) and bool(
            self.shaped.search(shape)
        )


class Anchored(Substitution):
    """A match begins with the one guard, or right behind it where it is a newline."""

    def apply(self, data: bytes) -> bytes:
        """Return ``data`` rewritten: a scan for the guard, and a match at each."""
        (guard,) = self.guards
        pieces: list[bytes] = []
        done = 0
        find, match = data.find, self.pattern.match
        behind = guard.startswith(b"\n")
        # the first line has no newline before it
        at = 0 if behind and data.startswith(guard[1:]) else find(guard)
        while at >= 0:
            begin = at + (behind and data[at] == guard[0])
            found = match(data, begin)
            if found is not None:
                pieces += data[done:begin], self.rewrite(found)
                done = found.end()
            at = find(guard, max(at + 1, done))
        return b"".join([*pieces, data[done:]]) if pieces else data


class Floating(Substitution):
    """A guard stands anywhere in a match."""

    def apply(self, data: bytes) -> bytes:
        """Return ``data`` rewritten: each record with a guard in it is searched."""
        find, spans = data.find, {}
        for guard in self.guards:
            at = find(guard)
            while at >= 0:
                end = find(b"\n", at)
                end = end if end >= 0 else len(data)
                spans[data.rfind(b"\n", 0, at) + 1] = end
                at = find(guard, end)
        pieces: list[bytes] = []
        done = 0
        for begin in sorted(spans):
            record, count = self.pattern.subn(self.rewrite, data[begin : spans[begin]])
            if count:
                pieces += data[done:begin], record
                done = spans[begin]
        return b"".join([*pieces, data[done:]]) if pieces else data
