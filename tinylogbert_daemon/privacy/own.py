"""Rules of the configuration: what is refused, so that no line can make them slow."""

from __future__ import annotations

import re

from tinylogbert_daemon.privacy.rules import Rule

_UNBOUNDED = re.compile(r"\*|\+|\{\d*,\}")
_REPEAT = re.compile(r"[*+?]|\{\d*,?\d*\}")
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]")
_LONGEST_PATTERN = 500
_MOST_REPEATS = 256


def own_rule(name: str, pattern: str) -> Rule:
    """Return a rule of the configuration; raises ``ValueError`` for a pattern that is no use.

    A line of hostile text must not make it slow: quantifiers are bounded or possessive (``++``,
    ``{1,64}``), none is above 256, and none repeats what holds another one or a choice.
    """
    if len(pattern) > _LONGEST_PATTERN:
        raise ValueError(f"must be at most {_LONGEST_PATTERN} characters")
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"is no regular expression: {error}") from error
    if compiled.search(""):
        raise ValueError("matches nothing at all; let it ask for something")
    reason = _slow(pattern)
    if reason:
        raise ValueError(reason)
    return Rule(name, (), compiled)


def _slow(pattern: str) -> str | None:
    """Return what could make ``pattern`` slow, or None."""
    bare = _CLASS.sub("x", re.sub(r"\\.", "x", pattern))
    at, repeats = 0, [False]  # whether each open group holds a quantifier or a choice
    while at < len(bare):
        if bare[at] == "(":
            repeats.append(False)
            at += 2 if bare[at + 1 : at + 2] == "?" else 1  # that "?" is no quantifier
            continue
        inner = False
        if bare[at] == ")":
            inner = repeats.pop()
            repeats[-1] |= inner
            at += 1
        elif not _REPEAT.match(bare, at):
            repeats[-1] |= bare[at] == "|"
            at += 1
        found = _REPEAT.match(bare, at)
        if found is None:
            continue
        at = found.end()
        possessive, lazy = bare.startswith("+", at), bare.startswith("?", at)
        at += possessive or lazy
        if _UNBOUNDED.fullmatch(found[0]) and not possessive:
            return f"{found[0]!r} has no bound; write {{0,64}}, or make it possessive: {found[0]}+"
        if any(int(bound) > _MOST_REPEATS for bound in re.findall(r"\d+", found[0])):
            return f"{found[0]!r} is above {_MOST_REPEATS}"
        if found[0] != "?" and inner and not possessive:
            return f"{found[0]!r} repeats a group with a quantifier or a choice in it; add a +"
        repeats[-1] = True
    return None
