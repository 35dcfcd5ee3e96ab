"""Unique ids in a block: long hex and UUIDs brought to one form, by vectors over the block.

A log with a request id in each line has no two shapes alike, though its texts are few: the digits
of ``3f2a9c0d`` are taken out, its letters stay. Here each such id gets the same letters, where that
cannot change the text: the length stays, there is a digit and a letter in it as before, and its
last character stays of its kind, as what follows may look at it. Only ids between spaces, brackets,
quotes and ``=`` are touched: beside any other character, an id may be part of a longer token.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tinylogbert_daemon.model.normalize import SHAPE_LIMIT

_Bytes = npt.NDArray[np.uint8]
_Places = npt.NDArray[np.intp]

LEAST = 8
"""Hex digits of the shortest id that is brought to one form."""

_MOST = 64
_ZERO, _LETTER, _DASH, _NEWLINE = 48, 97, 45, 10
_UUID = 36
_DASHES = (8, 13, 18, 23)
_FIRST_GROUP, _LAST_GROUP = 8, 12

_HEX = bytes(0xFF if chr(byte) in "0abcdefABCDEF" else 0 for byte in range(256))


def _members(characters: str) -> npt.NDArray[np.bool_]:
    table = np.zeros(256, np.bool_)
    table[list(characters.encode())] = True
    return table


_BEFORE = _members("\n\t =([{\"'|;")
_AFTER = _members("\n\r\t )]}\"'|;,")


def mask_ids(shaped: _Bytes) -> tuple[_Bytes, int]:
    """Return a block of shapes with its ids in one form, and how many there were.

    ``shaped`` holds records that end in newlines, digits as ``0``; it is not changed. For each
    record, :func:`~tinylogbert_daemon.model.normalize.normalize` gives the same text as before.
    """
    is_hex = np.frombuffer(shaped.tobytes().translate(_HEX), np.uint8)
    if len(is_hex) <= LEAST:
        return shaped, 0
    # runs of 2, 4 and 8 hex digits from a place on, by shift-and
    twos = _both(is_hex, 1)
    fours = _both(twos, 2)
    eights = _both(fours, 4)
    begins, ends = _runs(eights)
    if not len(begins):
        return shaped, 0
    lengths = ends - begins
    safe_before = _BEFORE[shaped[np.maximum(begins - 1, 0)]] | (begins == 0)
    safe_after = _AFTER[shaped[np.minimum(ends, len(shaped) - 1)]]
    groups = begins[
        safe_before & (lengths == _FIRST_GROUP) & (begins + _UUID < len(shaped))
    ]  # a newline follows at the latest
    uuids = groups[_is_uuid(shaped, fours, eights, is_hex, groups)]
    whole = safe_before & safe_after & (lengths <= _MOST)
    begins, ends = begins[whole], ends[whole]
    uuids, begins, ends = _read_whole(shaped, uuids, begins, ends)
    places, firsts = _places(begins, ends)
    if len(firsts):
        zeros = np.add.reduceat((shaped[places] == _ZERO).astype(np.intp), firsts)
        mixed = (zeros > 0) & (zeros < ends - begins)
        begins, ends = begins[mixed], ends[mixed]
        places, _ = _places(begins, ends)
    if not len(begins) and not len(uuids):
        return shaped, 0
    masked = shaped.copy()
    last = np.concatenate([ends, uuids + _UUID]) - 1
    letters = last[shaped[last] != _ZERO]
    masked[places] = _ZERO
    masked[begins] = _LETTER
    offsets = np.setdiff1d(np.arange(_UUID), _DASHES)
    masked[uuids[:, None] + offsets] = _ZERO
    masked[letters] = _LETTER
    return masked, len(begins) + len(uuids)


def _both(are: _Bytes, distance: int) -> _Bytes:
    """Return which places are set that have another one set at a distance."""
    both: _Bytes = np.bitwise_and(are[:-distance], are[distance:])
    return both


def _runs(eights: _Bytes) -> tuple[_Places, _Places]:
    """Return where runs of at least ``LEAST`` hex digits begin and end."""
    begin = eights.copy()
    begin[1:] &= ~eights[:-1]
    end = eights.copy()
    end[:-1] &= ~eights[1:]
    return np.flatnonzero(begin), np.flatnonzero(end) + LEAST


def _is_uuid(
    shaped: _Bytes, fours: _Bytes, eights: _Bytes, is_hex: _Bytes, begins: _Places
) -> npt.NDArray[np.bool_]:
    """Tell at which of ``begins``, where eight hex digits stand, a UUID does."""
    found: npt.NDArray[np.bool_] = _AFTER[shaped[begins + _UUID]]
    for dash in _DASHES:
        found &= shaped[begins + dash] == _DASH
    for group in (9, 14, 19):
        found &= fours[begins + group] != 0
    node = begins + _UUID - _LAST_GROUP
    found &= (eights[node] != 0) & (fours[node + LEAST] != 0)
    found &= is_hex[begins + _UUID] == 0
    return found


def _read_whole(
    shaped: _Bytes, uuids: _Places, begins: _Places, ends: _Places
) -> tuple[_Places, _Places, _Places]:
    """Leave out what lies where a long record is cut before it is read, or behind that."""
    newlines = np.flatnonzero(shaped == _NEWLINE)
    starts = np.concatenate([np.zeros(1, np.intp), newlines + 1])
    if not len(newlines) or (np.diff(starts) <= SHAPE_LIMIT).all():
        return uuids, begins, ends

    def at(places: _Places) -> _Places:
        within: _Places = places - starts[np.searchsorted(starts, places, "right") - 1]
        return within

    read = at(begins) + (ends - begins) < SHAPE_LIMIT
    return uuids[at(uuids) + _UUID < SHAPE_LIMIT], begins[read], ends[read]


def _places(begins: _Places, ends: _Places) -> tuple[_Places, _Places]:
    """Return all places of the runs, and where each run begins among them."""
    lengths = ends - begins
    firsts = np.cumsum(lengths) - lengths
    total = int(lengths.sum())
    return np.repeat(begins - firsts, lengths) + np.arange(total), firsts
