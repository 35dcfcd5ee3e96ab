"""The difference of two texts, from which each can be made again; hostile words are only words."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tinylogbert_daemon.decide.difference import difference, ratio, render

_TEXTS = st.lists(
    st.sampled_from(["connection", "closed", "refused", "by", "[ip]", "[num]", "{+x+}", "[-y-]"]),
    min_size=1,
    max_size=20,
).map(" ".join)


@given(_TEXTS, _TEXTS)
def test_both_texts_can_be_made_of_it(normal: str, text: str) -> None:
    segments = difference(normal, text)
    assert " ".join(words for kind, words in segments if kind != "here") == normal
    assert " ".join(words for kind, words in segments if kind != "gone") == text
    assert all(words for _, words in segments)


@given(_TEXTS, _TEXTS)
def test_alike_is_between_nothing_and_the_same(normal: str, text: str) -> None:
    assert 0 <= ratio(normal, text) <= 1
    assert ratio(text, text) == 1


def test_words_about_the_matter_weigh_more() -> None:
    text = "[time] billing failed in worker"
    assert ratio("[time] billing total [num]", text) > ratio("[time] done in [num]", text)


def test_the_plain_rendering_marks_what_differs() -> None:
    segments = difference("a b c d", "x b c y z")
    assert render(segments) == "[-a-] {+x+} b c [-d-] {+y z+}"
    # braces are no format
    assert render((("here", "{0} {x}"), ("gone", "{}"), ("same", "{!r}"))) == (
        "{+{0} {x}+} [-{}-] {!r}"
    )
