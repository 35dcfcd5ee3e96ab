"""Hostile text made harmless for people's eyes: terminals, logs, labels."""

from __future__ import annotations

import unicodedata

# control, format (bidirectional overrides too), surrogate and private-use characters, and those
# that this Python knows nothing of: a newer terminal may
_UNPRINTABLE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def printable(text: str, limit: int | None = None) -> str:
    r"""Return ``text`` with everything a terminal could act on as ``\x1b``-like escapes.

    Longer than ``limit`` characters (after escaping), it is cut and ends in ``…``.

    >>> printable("\x1b[31mred")
    '\\x1b[31mred'
    """
    if not (text.isascii() and text.isprintable()):
        text = "".join(map(_escape, text))
    if limit is not None and len(text) > limit:
        return text[: limit - 1] + "…"
    return text


def _escape(character: str) -> str:
    if unicodedata.category(character) in _UNPRINTABLE:
        return character.encode("unicode_escape").decode()
    return character
