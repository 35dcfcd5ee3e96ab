"""Ids in one form: the text stays what it was, words survive, and few shapes are left."""

from __future__ import annotations

import random
import re
import uuid

import pytest

from tinylogbert_daemon.model.digits import digits_to_zero
from tinylogbert_daemon.model.hexmask import mask_ids
from tinylogbert_daemon.model.normalize import SHAPE_LIMIT, normalize
from tinylogbert_daemon.model.own import is_own
from tinylogbert_daemon.model.shape import shapes

WORDS = [
    "defaceable",
    "facade",
    "effaced",
    "decade",
    "accede",
    "cafebabe",
    "deadbeef",
    "feedface",
    "baggage",
    "added",
    "beaded",
    "cede",
    "face00001",
    "cafe00001",
    "error:",
    "ERROR",
    "warn",
    "abcdef",
    "0123456789",
    "00:00:01",
    "2026-11-24",
    "10.0.0.1",
    "a,",
    "foo-",
    "/a/b",
    "http://x/y?z=",
    "level=",
    "<14>",
    "Jan",
    "é",
    "\x00",
    "-",
    ".",
    ":",
    "@",
    "_",
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    '"',
    "'",
    ",",
    "|",
    ";",
    "=",
    "0x",
    "EDT",
    "status",
]
_BEFORE, _AFTER = "\\t =(\\[{\"'|;", "\\r\\t )\\]}\"'|;,"
_UUID = "-".join(f"[0a-fA-F]{{{n}}}" for n in (8, 4, 4, 4, 12))
_ORACLE = re.compile(
    f"(?<![^{_BEFORE}])(?:{_UUID}|(?=[a-fA-F]*0)(?=0*[a-fA-F])[0a-fA-F]{{8,64}})(?![^{_AFTER}])"
    "(?![0a-fA-F])".encode()
)


def _one_form(found: re.Match[bytes]) -> bytes:
    last = b"0" if found[0].endswith(b"0") else b"a"
    if b"-" in found[0]:
        return re.sub(rb"[^-]", b"0", found[0][:-1]) + last
    return b"a" + b"0" * (len(found[0]) - 2) + last


def masked(data: bytes) -> list[bytes]:
    return mask_ids(digits_to_zero(data))[0].tobytes().split(b"\n")[:-1]


def lines(seed: int, count: int) -> bytes:
    chance = random.Random(seed)

    def hexadecimal(digits: int) -> str:
        found = f"{chance.getrandbits(4 * digits):0{digits}x}"
        return found.upper() if chance.random() < 0.2 else found

    def token() -> str:
        kind = chance.random()
        if kind < 0.3:
            return hexadecimal(chance.choice([3, 6, 7, 8, 9, 12, 16, 31, 32, 33, 40, 63, 64, 65]))
        if kind < 0.45:
            return "-".join(map(hexadecimal, (8, 4, 4, 4, 12)))
        return chance.choice(WORDS)

    made = (
        "".join(
            token() + chance.choice([" ", " ", " ", "", "=", ",", " error: ", "."])
            for _ in range(chance.randrange(10))
        )
        for _ in range(count)
    )
    return "".join(f"{line}\n" for line in made).encode()


@pytest.mark.parametrize("seed", range(5))
def test_the_text_stays_and_so_does_whose_line_it_is(seed: int) -> None:
    before = shapes(lines(seed, 400))
    after = masked(b"".join(shape + b"\n" for shape in before))
    assert [normalize(shape) for shape in after] == [normalize(shape) for shape in before]
    assert list(map(is_own, after)) == list(map(is_own, before))
    assert after != before


@pytest.mark.parametrize("seed", range(5))
def test_a_regular_expression_finds_the_same(seed: int) -> None:
    data = digits_to_zero(lines(seed, 400)).tobytes()
    assert masked(data) == [_ORACLE.sub(_one_form, line) for line in data.split(b"\n")[:-1]]


def test_words_survive() -> None:
    kept = [
        b"the defaceable facade of a decade, effaced",
        b"cafebabe deadbeef feedface",
        b"request-3f2a9c0d1e served",
        b"commit 3f2a9c0 pushed",
        b"at 0123456789 and 20261124",
    ]
    data = b"".join(line + b"\n" for line in kept)
    assert masked(data) == shapes(data)
    face, cafe = masked(b"face00001 beside cafe00001\ncafe00001 beside face00001\n")
    assert face == cafe == b"a00000000 beside a00000000"
    assert normalize(face) == normalize(shapes(b"face00001 beside cafe00001\n")[0])


def test_unique_ids_leave_few_shapes() -> None:
    chance = random.Random(4)
    data = "".join(
        f"request {chance.getrandbits(64):016x} of {uuid.UUID(int=chance.getrandbits(128))} done\n"
        for _ in range(2000)
    ).encode()
    assert len(set(shapes(data))) == 2000
    assert len(set(masked(data))) <= 5  # by the last characters; once in a while no letter is in it


def test_where_a_long_record_is_cut_nothing_is_touched() -> None:
    for room in range(40):
        line = b"x" * (SHAPE_LIMIT - 20 - room) + b" abcdefabcdef0123 3f2a9c0d"
        (shape,) = masked(b"3f2a9c0d\n" + line + b"\n")[1:]
        assert normalize(shape) == normalize(shapes(line + b"\n")[0])


@pytest.mark.parametrize("data", [b"", b"\n", b"3f2a9c0d\n", b"3f2a9c0\n", b" " * 36 + b"\n"])
def test_blocks_of_any_size(data: bytes) -> None:
    before = digits_to_zero(data)
    after, ids = mask_ids(before)
    assert len(after) == len(before) and ids == (data == b"3f2a9c0d\n")
