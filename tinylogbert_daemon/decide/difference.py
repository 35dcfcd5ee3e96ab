"""What a text has that another one has not, word by word."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher

Segments = tuple[tuple[str, str], ...]
"""Runs of words: ``same``, ``gone`` (in the normal text only) or ``here`` (in this one only)."""


@dataclass(frozen=True, slots=True)
class Nearest:
    """The known-normal text that is nearest to one, and how the two differ.

    ``source`` is where the normal text was seen, ``similarity`` the cosine of the embeddings.
    """

    text: str
    source: str
    similarity: float
    difference: Segments


def difference(normal: str, text: str) -> Segments:
    """Return the runs of words that make ``text`` out of ``normal`` (Ratcliff and Obershelp).

    >>> difference("connection closed by [ip]", "connection refused by [ip]")
    (('same', 'connection'), ('gone', 'closed'), ('here', 'refused'), ('same', 'by [ip]'))
    """
    before, after = normal.split(" "), text.split(" ")
    found: list[tuple[str, str]] = []
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for operation, start, end, first, last in matcher.get_opcodes():
        if operation == "equal":
            found.append(("same", " ".join(after[first:last])))
            continue
        if start < end:
            found.append(("gone", " ".join(before[start:end])))
        if first < last:
            found.append(("here", " ".join(after[first:last])))
    return tuple(found)


def ratio(normal: str, text: str) -> float:
    """Return in [0, 1] how much of two texts is the same, in the same order.

    Typed tokens and short words, which stand in lines about anything, weigh less.

    >>> ratio("order stored in [num] ms", "order lost") > ratio("ready in [num] ms", "order lost")
    True
    """
    total = _weight(normal) + _weight(text)
    same = sum(_weight(words) for kind, words in difference(normal, text) if kind == "same")
    return 2 * same / total


def _weight(words: str) -> float:
    return sum(1.0 if len(word) > 3 and word[0] != "[" else 0.3 for word in words.split(" "))


def render(segments: Iterable[tuple[str, str]]) -> str:
    """Return runs of words as plain text, in the marks of ``git diff --word-diff``.

    >>> render(difference("connection closed by [ip]", "connection refused by [ip]"))
    'connection [-closed-] {+refused+} by [ip]'
    """
    marks = {"gone": "[-{}-]", "here": "{{+{}+}}"}
    return " ".join(marks.get(operation, "{}").format(words) for operation, words in segments)
