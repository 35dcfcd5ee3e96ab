"""Rules of the configuration: what is refused, and how it is said."""

from __future__ import annotations

import pytest

from tinylogbert_daemon.config import parse
from tinylogbert_daemon.errors import ConfigError
from tinylogbert_daemon.privacy import own_rule

FINE = (
    *(
        r"staff-[0-9]{4,8}",
        r"(?i:emp)\d{3}",
        r"[*+]x",
        r"\*\+",
        r"x(?P<secret>\w++)",
        r"(?<=id )\d",
    ),
    *(r"(?:a|b)?c", r"(?:ab){1,9}", r"(?:a|b){1,9}+x", r"[]*]x", r"a{,3}b"),
    *(
        r"(?P<s·t>a)b",
        r"caf\u00e9{0,3}",
        r"[\u00e9-\u00ff]{1,9}x",
        r"\N{DIGIT ONE}x",
        r"\U0001f600!",
    ),
)
REFUSED = {
    r"a+b": "'+' has no bound; write {0,64}, or make it possessive: ++",
    r"ab*": "'*' has no bound",
    r"a{2,}": "'{2,}' has no bound",
    r"(?:a+?)b": "'+' has no bound",
    r"(a{1,3}){1,9}": "a repeat of what repeats or has alternatives can take for ever",
    r"((a?)b){1,9}": "a repeat of what repeats",
    r"(a|a){1,64}b": "a repeat of what repeats or has alternatives",
    r"\w{1,99}\w{1,99}\w{1,99}!": "repeats that can match the same characters are slow",
    r"a{1,100000}b": "'{1,100000}' is above 256",
    r"a{0,4}": "matches nothing at all",
    r"(": "is no regular expression: missing ), unterminated subpattern",
    "a" * 501: "must be at most 500 characters",
}


@pytest.mark.parametrize("pattern", FINE)
def test_a_pattern_with_bounds_is_taken(pattern: str) -> None:
    assert own_rule("mine", pattern).pattern.pattern == pattern


@pytest.mark.parametrize("pattern", REFUSED)
def test_a_pattern_that_a_line_could_make_slow_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError) as caught:
        own_rule("mine", pattern)
    assert str(caught.value).startswith(REFUSED[pattern])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "privacy: {rules: {mine: 'a+'}}",
            "f:1: privacy.rules: mine: '+' has no bound; write {0,64}, or make it possessive: ++",
        ),
        (
            "privacy: {without: [pasword]}",
            "f:1: privacy.without: no rule is named 'pasword'; did you mean 'password'?",
        ),
        (
            "privacy:\n  rules: {password: 'x'}",
            "f:2: privacy.rules: password: a rule of that name is there; choose another one",
        ),
        (
            "sinks: {log: {content: some}}",
            "f:1: sinks.log.content: must be 'full', 'masked' or 'none'",
        ),
        ("decision: {retention_days: -1}", "f:1: decision.retention_days: must be at least 0.0"),
    ],
)
def test_a_mistake_is_one_clear_line(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "f")
    assert str(caught.value) == said


def test_rules_are_on_unless_they_are_switched_off() -> None:
    line = "password=hunter2 staff-1234"
    assert parse("", "f").privacy.masker().line(line) == "password=[masked:password] staff-1234"
    own = "privacy: {without: [password], rules: {staff: 'staff-[0-9]{4}'}}"
    assert parse(own, "f").privacy.masker().line(line) == "password=hunter2 [masked:staff]"
