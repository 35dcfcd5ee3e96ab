"""Regular expressions of the configuration: refused where a hostile line could make them slow.

Python's matcher tries alternatives one after the other, so that a line that almost matches can
take it time that grows as a power of the line's length, or worse: (a+)+ doubles with each letter.
What is let through takes at most time that grows with the square of the part looked at.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field

MOST_CHARACTERS = 500

_BYTES = tuple(bytes([value]) for value in range(256))
_TOKEN = re.compile(
    r"""(?P<comment>\(\?\#[^)]*\))
    | (?P<back>\\[1-9]|\(\?P=|\(\?\()
    | (?P<open>\((?:\?(?:P<[^>]+>|<?[=!]|>|[a-zA-Z-]*:|[a-zA-Z]+(?=\))))?)
    | (?P<close>\))
    | (?P<choice>\|)
    | (?P<place>[$^]|\\[AbBZ])
    | (?P<atom>\[\^?\]?(?:\\.|[^]\\])*\]|\\x[0-9a-fA-F]{2}|\\u.{4}|\\U.{8}|\\N\{[^}]*\}|\\.|.)""",
    re.VERBOSE | re.DOTALL,
)
_QUANTIFIER = re.compile(r"(?:([*+?])|\{(?!\})(\d*)(,?)(\d*)\})[?+]?")
# "{}" is text; with x blanks are none: what is repeated would be told wrong
_VERBOSE = re.compile(r"\(\?[a-wyzA-Z]*x")


@dataclass(slots=True)
class _Group:
    """What stands between two parentheses: its characters, and in how many ways it can match."""

    characters: set[bytes] = field(default_factory=set)
    varies: bool = False
    chooses: bool = False


def compiled(pattern: str) -> re.Pattern[bytes]:
    """Return ``pattern`` compiled for bytes; raises ``ValueError`` that says what is wrong."""
    if not pattern.isascii():
        raise ValueError(r"the pattern must be ASCII; write the bytes of other characters as \xNN")
    if len(pattern) > MOST_CHARACTERS:
        raise ValueError(f"the pattern is longer than {MOST_CHARACTERS} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = re.compile(pattern.encode())
    except (re.error, OverflowError, RecursionError, Warning) as error:
        raise ValueError(f"not a valid regular expression: {error}") from error
    refuse_slow(pattern)
    return found


def refuse_slow(pattern: str) -> None:
    """Raise ``ValueError`` for repeats inside repeats, and for several of the same characters.

    One of these may be repeated, or two where ``^`` fixes the beginning. What a possessive repeat
    (``++``) took it never gives back.
    """
    most = 2 if pattern.startswith(("^", r"\A")) and "|" not in pattern else 1
    groups = [_Group()]
    # the characters of repeats whose end is not settled yet by a character that is none of them
    running: list[set[bytes]] = []
    at = 0
    while token := _TOKEN.match(pattern, at):
        at, kind = token.end(), token.lastgroup
        if kind == "back" or _VERBOSE.match(token.group()):
            raise ValueError(
                "references, conditions and the flag x in a pattern are refused: they can be slow"
            )
        if kind == "open":
            groups.append(_Group())
            continue
        group = groups[-1]
        if kind == "choice":
            group.chooses = True
        if kind not in ("close", "atom"):
            continue
        if kind == "close":
            inner = groups.pop()
            group = groups[-1]
            group.varies |= inner.varies or inner.chooses
            varies, characters = inner.varies or inner.chooses, inner.characters
        else:
            varies, characters = False, _characters(token.group())
        quantifier = _QUANTIFIER.match(pattern, at)
        least, many, exact = _counts(quantifier)
        if quantifier and quantifier.group().endswith("+") and len(quantifier.group()) > 1:
            many = varies = False
            exact = True
        at = quantifier.end() if quantifier else at
        if varies and many:
            raise ValueError(
                "a repeat of what repeats or has alternatives can take for ever; write it without"
            )
        group.varies |= not exact
        group.characters |= characters
        if many and not exact:
            if sum(not other.isdisjoint(characters) for other in running) >= most:
                raise ValueError(
                    "repeats that can match the same characters are slow; "
                    "begin the pattern with ^ and use one .* at most"
                )
            running.append(characters)
        elif least and kind == "atom" and len(groups) == 1:
            running = [other for other in running if not other.isdisjoint(characters)]


def _characters(atom: str) -> set[bytes]:
    # whatever flags the pattern sets: what could match
    try:
        one = re.compile(atom.encode(), re.IGNORECASE | re.DOTALL)
    except re.error:  # bytes know no characters by their numbers or names
        return set(_BYTES)
    return {value for value in _BYTES if one.fullmatch(value)}


def _counts(found: re.Match[str] | None) -> tuple[bool, bool, bool]:
    """Say of a quantifier: at least once? more than once? always as often?"""
    if found is None:
        return True, False, True
    sign, least, comma, most = found.groups()
    if sign:
        return sign == "+", sign != "?", False
    low = int(least or 0)
    return low > 0, not (most == "1" or (not comma and low <= 1)), not comma or least == most
