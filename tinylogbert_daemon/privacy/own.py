"""Rules of the configuration: what is refused, so that no line can make them slow."""

from __future__ import annotations

import re

from tinylogbert_daemon.patterns import MOST_CHARACTERS, refuse_slow
from tinylogbert_daemon.privacy.rules import Rule

_UNBOUNDED = re.compile(r"\*|\+|\{\d*,\}")
_REPEAT = re.compile(r"([*+?]|\{\d*,?\d*\})([+?]?)")
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]")
_MOST_REPEATS = 256


def own_rule(name: str, pattern: str) -> Rule:
    """Return a rule of the configuration; raises ``ValueError`` for a pattern that is no use.

    A line of hostile text must not make it slow: beside what :mod:`tinylogbert_daemon.patterns`
    refuses, quantifiers are bounded or possessive (``++``, ``{1,64}``), and none is above 256.
    """
    if len(pattern) > MOST_CHARACTERS:
        raise ValueError(f"must be at most {MOST_CHARACTERS} characters")
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"is no regular expression: {error}") from error
    if compiled.search(""):
        raise ValueError("matches nothing at all; let it ask for something")
    _refuse_unbounded(pattern)
    refuse_slow(pattern)
    return Rule(name, (), compiled)


def _refuse_unbounded(pattern: str) -> None:
    bare = _CLASS.sub("x", re.sub(r"\\.", "x", pattern)).replace("(?", "(")
    for found in _REPEAT.finditer(bare):
        repeat, more = found.groups()
        if _UNBOUNDED.fullmatch(repeat) and more != "+":
            raise ValueError(
                f"{repeat!r} has no bound; write {{0,64}}, or make it possessive: {repeat}+"
            )
        if any(int(bound) > _MOST_REPEATS for bound in re.findall(r"\d+", repeat)):
            raise ValueError(f"{repeat!r} is above {_MOST_REPEATS}")
