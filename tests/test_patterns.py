"""Patterns of the configuration: what is let through stays fast on whatever line."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinylogbert_daemon.config import parse
from tinylogbert_daemon.errors import ConfigError
from tinylogbert_daemon.patterns import compiled
from tinylogbert_daemon.source.joining import LOOK_BYTES

HARMLESS = (
    r"^\d{4}-\d\d-\d\d[ T]",
    r"^\S+ \S+ \S+ ",
    r"^\[.*\] \[",
    r"^(\d{4}-){2}",
    r"^(?i:error|warn)",
    r"^Caused by: |^\s+at ",
    r"^\s+(?:at |\.{3} \d+ more)",
    r"^(?!\d{4})",
    r"^(?:ab)+c",
    r"^\d+-\d+-\d+ \d+:\d+:\d+ ",
    r"^[^]]+]",
    r"^[\w.$]+(?:Exception|Error)",
    r"^x{",
    r"^x{}*y",
    r"^\(?x",
    r"\\$",
)
SLOW = (
    r"(a+)+$",
    r"^(?:\d+-)+",
    r"(a|a)*b",
    r"^a*a*a*b",
    r".*foo.*",
    r"^.*ERROR.*at.*x",
    r"^(a?){40}a{40}",
    r"^(\w+\s?)*$",
    r"^(.*)(.*)(.*)x",
    r"^\w*(?:-|\w)\w*(?:-|\w)\w*!",
    r"^.{0,200}.{0,200}.{0,200}x",
    r"^(?:a{1,50}){1,50}$",
    r"(?i)^[a-z]*[A-Z]*[a-z]*!",
    r"^(?P<x>a+)(?P=x)",
    r"(a)\1",
    "(?x)^a +b* a +",
    "^(?ix:a +)b",
)


@pytest.mark.parametrize("pattern", HARMLESS)
def test_ordinary_patterns_are_let_through(pattern: str) -> None:
    assert compiled(pattern).pattern == pattern.encode()


@pytest.mark.parametrize("pattern", SLOW)
def test_patterns_that_a_hostile_line_makes_slow_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"slow|for ever"):
        compiled(pattern)


_ATOMS = st.sampled_from(["a", "b", ".", r"\w", "[ab]", "[^b]", r"\s", " "])
_REPEATS = st.sampled_from(["", "", "*", "+", "?", "{2,9}", "*?"])
_PATTERNS = st.recursive(
    st.builds(str.__add__, _ATOMS, _REPEATS),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.builds("(?:{}|{}){}".format, inner, inner, _REPEATS),
        st.builds("({}){}".format, inner, _REPEATS),
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=300)
@given(_PATTERNS, st.booleans())
def test_whatever_is_let_through_is_fast_on_lines_that_almost_match(
    pattern: str, anchored: bool
) -> None:
    try:
        found = compiled(("^" if anchored else "") + pattern + "!")
    except ValueError:
        return
    for line in (b"a" * LOOK_BYTES, b"ab" * (LOOK_BYTES // 2), b"a " * (LOOK_BYTES // 2)):
        begin = time.process_time()
        (found.match if anchored else found.search)(line)
        assert time.process_time() - begin < 0.5, found.pattern


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("start_pattern: '['", "start_pattern: not a valid regular expression: unterminated"),
        ("continue_pattern: 'ä'", "continue_pattern: the pattern must be ASCII"),
        ("continue_pattern: '(a+)+'", "continue_pattern: a repeat of what repeats"),
        ("start_patern: a", "start_patern: unknown key; did you mean 'start_pattern'?"),
        ("preset: jawa", "preset: must be 'none', 'indented', 'java', 'python' or 'go'"),
        (f"start_pattern: {'a' * 501}", "start_pattern: the pattern is longer than 500"),
        (
            "start_pattern: '^[[a]'",
            "start_pattern: not a valid regular expression: Possible nested",
        ),
    ],
)
def test_a_wrong_rule_is_one_clear_line(keys: str, said: str) -> None:
    text = f"sources:\n  - name: app\n    paths: [/x]\n    multiline:\n      {keys}\n"
    with pytest.raises(ConfigError) as caught:
        parse(text, "f")
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"f:5: sources.0.multiline.{said}")


def test_an_unknown_encoding_is_one_clear_line() -> None:
    with pytest.raises(ConfigError, match=r"^f:1: sources\.0\.encoding: must be 'auto', 'utf-8'"):
        parse("sources: [{name: app, paths: [/x], encoding: utf-61}]", "f")


def test_a_rule_in_words() -> None:
    def words(**keys: str) -> str:
        config = parse(str({"sources": [{"name": "a", "paths": ["/x"], "multiline": keys}]}), "f")
        return str(config.sources[0].multiline)

    assert words(preset="java") == "preset java"
    assert words(start_pattern="^x") == "every line, but none that matches ^x"
    assert words(preset="go", start_pattern="^x", continue_pattern="^y") == (
        "preset go and lines that match ^y, but none that matches ^x"
    )
