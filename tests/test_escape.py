"""Nothing that comes out of ``printable`` acts on a terminal, whatever goes in."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinylogbert_daemon.escape import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, ünïcödé, 错误 🔥", "plain text, ünïcödé, 错误 🔥"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("two\r\nlines\ttab", "two\\r\\nlines\\ttab"),
        ("\u202eright to left", "\\u202eright to left"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("\udcff", "\\udcff"),
        ("\U000e0080\U0010ffff", "\\U000e0080\\U0010ffff"),
        ("\ue000\U000f0000", "\\ue000\\U000f0000"),
        ("\x00\x7f\x9b", "\\x00\\x7f\\x9b"),
        ("", ""),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_limit_is_kept_after_escaping() -> None:
    assert printable("abcdef", 6) == "abcdef"
    assert printable("abcdefg", 6) == "abcde…"
    assert printable("\x1b\x1b", 6) == "\\x1b\\…"


@given(
    st.text(alphabet=st.characters())
    | st.binary().map(lambda b: b.decode(errors="surrogateescape"))
)
def test_nothing_acts_on_a_terminal(text: str) -> None:
    shown = printable(text)
    categories = {unicodedata.category(character) for character in shown}
    assert categories.isdisjoint({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
    assert printable(shown) == shown
    shown.encode()
    assert len(printable(text, 10)) <= 10
