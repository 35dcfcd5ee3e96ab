"""The wording that a host knows: bounded, and what was seen never becomes new again."""

from __future__ import annotations

import base64
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinylogbert_daemon.decide import familiarity as module
from tinylogbert_daemon.decide.familiarity import WordPairs
from tinylogbert_daemon.errors import ArtifactError

_TEXTS = st.lists(st.text(st.sampled_from("ab \x00ü"), max_size=12), min_size=1, max_size=20)


def pairs(*texts: str) -> WordPairs:
    made = WordPairs()
    for text in texts:
        made.add(text)
    return made


def packed(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content, 9)).decode()


def test_what_was_never_seen_is_wholly_new() -> None:
    assert WordPairs().unfamiliarity("disk failed") == 1.0
    assert pairs("disk failed").unfamiliarity("queue mail empty") == 1.0


def test_known_wording_in_a_new_text_is_not_new() -> None:
    known = pairs(*["session of alice closed", "session of bob opened"] * 20)
    assert known.unfamiliarity("session of alice opened") < known.unfamiliarity(
        "session of carol opened"
    )
    assert known.unfamiliarity("session of alice closed") < 0.1
    # the same words in another order are another wording, but for the first
    assert known.unfamiliarity("session alice closed of") > 0.5


def test_it_falls_with_each_episode() -> None:
    known, found = WordPairs(), []
    for _ in range(4):
        found.append(known.unfamiliarity("disk failed"))
        known.add("disk failed")
    assert found == [1.0, 1 / 2, 1 / 3, 1 / 4]
    known.add("disk failed", 6.7)  # a decayed count
    assert known.unfamiliarity("disk failed") == pytest.approx(1 / 11)
    known.add("disk failed", 0.01)  # little left of it, but it was seen
    assert known.unfamiliarity("disk failed") == 1 / 12


def test_a_pair_counts_once_in_a_text() -> None:
    # its pairs: nothing before "a", "a a"; not "a a" three times
    assert pairs("a a a a").unfamiliarity("a a") == 1 / 2


def test_counts_saturate() -> None:
    known = pairs(*["disk failed"] * 1000)
    assert known.unfamiliarity("disk failed") == 1 / 256
    known.add("disk failed", 1e12)
    assert known.unfamiliarity("disk failed") == 1 / 256
    assert WordPairs.unpacked(known.packed()).unfamiliarity("disk failed") == 1 / 256


@given(_TEXTS)
def test_collisions_never_make_new_what_was_seen(texts: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BUCKETS", 3)  # everything collides
        known = WordPairs()
        for text in texts:
            before = known.unfamiliarity(text)
            known.add(text)
            assert known.unfamiliarity(text) < before
        for text in texts:
            assert known.unfamiliarity(text) <= 0.5


def test_there_and_back() -> None:
    known = pairs("disk failed", "disk failed", "queue mail empty")
    again = WordPairs.unpacked(known.packed())
    for text in ("disk failed", "queue mail full", "another"):
        assert again.unfamiliarity(text) == known.unfamiliarity(text)
    again.add("another")  # what was unpacked goes on
    assert again.unfamiliarity("another") == 0.5
    assert again.packed() != known.packed()
    assert WordPairs.unpacked("").packed() == WordPairs().packed()
    assert len(WordPairs().packed()) < 1000


@pytest.mark.parametrize(
    "content",
    [
        "not base64!",
        "ü",
        "YQ",
        7,
        ["YQ=="],
        base64.b64encode(b"not compressed").decode(),
        packed(b""),
        packed(b"too short"),
        packed(bytes((1 << 18) + 1)),
        base64.b64encode(zlib.compress(bytes(1 << 18))[:-40]).decode(),
    ],
)
def test_anything_else_is_refused_in_one_line(content: object) -> None:
    with pytest.raises(ArtifactError) as caught:
        WordPairs.unpacked(content)  # type: ignore[arg-type]  # a manifest may hold anything
    assert str(caught.value).startswith("manifest.json holds ")
    assert str(caught.value).endswith("; train again") and "\n" not in str(caught.value)


def test_what_unpacks_to_more_than_memory_holds_is_refused_early() -> None:
    import tracemalloc

    bomb = packed(bytes(200_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(ArtifactError, match="of another size"):
            WordPairs.unpacked(bomb)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_the_header_says_nothing_of_the_wording() -> None:
    known = WordPairs()
    known.add("[time] [host] sshd [num] [error] no such user")
    assert known.unfamiliarity("[time] [host] sshd [num] [error] disk failed") == 1.0
    assert known.unfamiliarity("[time] [host] login [num] [info] no such user") == 0.5
