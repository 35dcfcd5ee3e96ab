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
from numpy.lib.stride_tricks import sliding_window_view

from tinylogbert_daemon.model.normalize import SHAPE_LIMIT

_Bytes = npt.NDArray[np.uint8]
_Flags = npt.NDArray[np.bool_]
_Places = npt.NDArray[np.intp]

LEAST = 8
"""Hex digits of the shortest id that is brought to one form."""

_MOST = 64
_ZERO, _LETTER, _DASH, _NEWLINE = b"0a-\n"
_UUID = 36
_DASHES = (8, 13, 18, 23)
_FIRST_GROUP, _LAST_GROUP = 8, 12

_UUID_FORM = np.frombuffer(b"00000000-0000-0000-0000-000000000000", np.uint8)

_HEX = bytes(1 if chr(byte) in "0abcdefABCDEF" else 0 for byte in range(256))


def _members(characters: str) -> _Flags:
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
    is_hex = np.frombuffer(shaped.tobytes().translate(_HEX), np.bool_)
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
    safe = _BEFORE[shaped[np.maximum(begins - 1, 0)]] | (begins == 0)
    groups = begins[
        safe & (lengths == _FIRST_GROUP) & (begins + _UUID < len(shaped))
    ]  # a newline follows at the latest
    uuids = groups[_is_uuid(shaped, fours, eights, is_hex, groups)]
    safe &= lengths <= _MOST
    begins, ends = begins[safe], ends[safe]
    whole = _AFTER[shaped[np.minimum(ends, len(shaped) - 1)]]
    uuids, begins, ends = _read_whole(shaped, uuids, begins[whole], ends[whole])
    masked = shaped.copy()
    count = _mask_runs(shaped, masked, begins, ends - begins)
    if len(uuids):
        sliding_window_view(masked, _UUID, writeable=True)[uuids] = _UUID_FORM
        _keep_last(shaped, masked, uuids + _UUID - 1)
        count += len(uuids)
    return (masked, count) if count else (shaped, 0)


def _mask_runs(shaped: _Bytes, masked: _Bytes, begins: _Places, lengths: _Places) -> int:
    """Bring runs of hex digits in which there are digits and letters to one form; count them."""
    count = 0
    for length in np.flatnonzero(np.bincount(lengths)).tolist():
        of_length = begins[lengths == length]
        zeros = sliding_window_view(shaped, length)[of_length] == _ZERO
        mixed = of_length[zeros.any(1) & ~zeros.all(1)]
        form = np.full(length, _ZERO, np.uint8)
        form[0] = _LETTER
        sliding_window_view(masked, length, writeable=True)[mixed] = form
        _keep_last(shaped, masked, mixed + length - 1)
        count += len(mixed)
    return count


def _keep_last(shaped: _Bytes, masked: _Bytes, last: _Places) -> None:
    """Let a last character that is a letter be one."""
    masked[last[shaped[last] != _ZERO]] = _LETTER


def _both(are: _Flags, distance: int) -> _Flags:
    """Return which places are set that have another one set at a distance."""
    both: _Flags = np.bitwise_and(are[:-distance], are[distance:])
    return both


def _runs(eights: _Flags) -> tuple[_Places, _Places]:
    """Return where runs of at least ``LEAST`` hex digits begin and end."""
    turns = np.flatnonzero(eights[1:] != eights[:-1]) + 1
    if eights[0]:
        turns = np.concatenate([np.zeros(1, np.intp), turns])
    if eights[-1]:
        turns = np.append(turns, len(eights))
    return turns[::2], turns[1::2] + LEAST - 1


def _is_uuid(
    shaped: _Bytes, fours: _Flags, eights: _Flags, is_hex: _Flags, begins: _Places
) -> _Flags:
    """Tell at which of ``begins``, where eight hex digits stand, a UUID does."""
    found: _Flags = _AFTER[shaped[begins + _UUID]]
    for dash in _DASHES:
        found &= shaped[begins + dash] == _DASH
    for group in (9, 14, 19):
        found &= fours[begins + group]
    node = begins + _UUID - _LAST_GROUP
    found &= eights[node] & fours[node + LEAST] & ~is_hex[begins + _UUID]
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
