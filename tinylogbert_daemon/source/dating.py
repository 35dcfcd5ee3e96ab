"""One path's dates: its format, recognised from what is read, and the time that its records say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import tzinfo
from itertools import islice
from typing import Literal, NamedTuple

from tinylogbert_daemon.source import logtime
from tinylogbert_daemon.source.header import HEAD_BYTES, read

LEAST_SHARE = 0.6
"""The share of the looked-at records that must have one format for it to be the path's."""

_ENOUGH = 20
_OF_A_BLOCK = 5
_PATHS = 10_000
_PAIRS = ("json", "docker-json", "logfmt", "journal-export")


How = Literal["configured", "recognised", "none", "unread"]
"""Where a format comes from; ``none``: of what was read most records have none that is known."""


class Known(NamedTuple):
    """The format of a path, ``""`` if there is none, and where it comes from."""

    format: str
    how: How


def recognise(records: Iterable[bytes], now: float, votes: Counter[str] | None = None) -> str:
    """Return the format that most of ``records`` have, or ``""`` if there is none such.

    ``votes`` are those of earlier records, to which these are added.
    """
    votes = Counter() if votes is None else votes
    for record in records:
        if record:
            header = read(record, now)
            votes[header.format if header else ""] += 1
    if not votes:
        return ""
    name, count = votes.most_common(1)[0]
    return name if count >= LEAST_SHARE * votes.total() else ""


class Dating:
    """Reads the times of a path's blocks; learns its format from its first twenty records.

    ``format`` is given where the configuration names it; ``zone`` is that of dates without one
    (None: the host's).
    """

    def __init__(self, format: str = "", zone: tzinfo | None = None) -> None:
        self.format = format
        self._zone = zone
        self._votes: Counter[str] = Counter()
        self._settled = self._given = bool(format)

    @property
    def known(self) -> Known:
        """What the format is; after few records it may change yet."""
        if self._given:
            return Known(self.format, "configured")
        if not self._votes:
            return Known("", "unread")
        return Known(self.format, "recognised" if self.format else "none")

    def block_times(self, data: bytes, now: float) -> tuple[float | None, float | None]:
        """Return the times of a block's first and last dated record."""
        if not self._settled and data:
            some = islice(logtime.records(data, HEAD_BYTES), _OF_A_BLOCK)
            self.format = recognise(some, now, self._votes)
            self._settled = self._votes.total() >= _ENOUGH
        return logtime.block_times(data, now, self.time, HEAD_BYTES)

    def time(self, record: bytes, now: float) -> float | None:
        """Return the time of a record, or None without one.

        Of pairs of keys and values it is what the key for it holds; a message may name another one.
        """
        if self.format in _PAIRS:
            header = read(record, now, self._zone, self.format)
            if header is not None and header.time is not None:
                return header.time
        return logtime.parse(record, now, self._zone)


class Datings:
    """The datings of all paths; ``given`` holds format and zone of the sources that name them."""

    def __init__(self, given: Mapping[str, tuple[str, tzinfo | None]] | None = None) -> None:
        self._given = given or {}
        self._of: dict[tuple[str, str], Dating] = {}

    def of(self, source: str, path: str) -> Dating:
        """Return the dating of a path, a new one at its first sight."""
        found = self._of.get((source, path))
        if found is None:
            if len(self._of) >= _PATHS:
                del self._of[next(iter(self._of))]  # what was seen first; it is learned anew
            found = Dating(*self._given.get(source, ("", None)))
            self._of[source, path] = found
        return found

    def known(self, source: str, path: str) -> Known:
        """Return what is known of a path's format, also before its first sight."""
        dating = self._of.get((source, path))
        return (dating or Dating(*self._given.get(source, ("", None)))).known
