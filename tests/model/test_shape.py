"""Shapes: what is substituted, and that a record has one shape whatever block it comes in."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.conftest import log_lines
from tinylogbert_daemon.model.digits import digits_to_zero
from tinylogbert_daemon.model.shape import record, shapes

RECORDS = st.lists(
    st.one_of(
        st.binary(max_size=60).map(lambda line: line.replace(b"\n", b"")),
        st.sampled_from([line.encode() for line in log_lines(50)]),
        st.sampled_from(
            [b"<34>x", b"<999>x", b'HTTP/1.1" 404', b"exited with code 0", b"exit 1", b"errors=0"]
        ),
    ),
    max_size=12,
)


def shape(line: str) -> bytes:
    (found,) = shapes(line.encode() + b"\n")
    return found


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("took 35 ms", b"took 00 ms"),
        ("", b""),
        ('"GET / HTTP/1.1" 200 51', b'"GET / HTTP/0.0" successful-00 00'),
        ('"GET / HTTP/2.0" 302 51', b'"GET / HTTP/0.0" redirection-00 00'),
        ('"GET / HTTP/2" 404 51', b'"GET / HTTP/0" clienterror-00 00'),
        ('"GET / HTTP/1.0" 503 51', b'"GET / HTTP/0.0" servererror-00 00'),
        ("<34>Oct 11 su: failed", b"<pri-crit>Oct 00 su: failed"),
        ("<191>last", b"<pri-debug>last"),
        ("<192>no priority", b"<000>no priority"),
        ("said <34> inside", b"said <00> inside"),
        ("exited with code 0", b"exited with code zero"),
        ("exited with code 137", b"exited with code nonzero"),
        ("exit status=2", b"exit status=nonzero"),
        ("exited, status 1234", b"exited, status 0000"),
        ("12 files, errors=0", b"00 files,  ok 0 "),
    ],
)
def test_digits_become_zeros_and_classes_become_letters(line: str, expected: bytes) -> None:
    assert shape(line) == expected


@given(records=RECORDS)
@example(records=[b"", b"<34>", b""])
@example(records=[b'HTTP/1.1" ', b"200 on the next line"])
@example(records=[b"exit ", b"0"])
def test_a_record_has_the_same_shape_alone_and_in_any_block(records: list[bytes]) -> None:
    together = shapes(b"".join(content + b"\n" for content in records))
    assert together == [shapes(content + b"\n")[0] for content in records]


@given(records=RECORDS)
def test_a_shape_has_no_digit_but_zero_and_there_is_one_a_record(records: list[bytes]) -> None:
    found = shapes(b"".join(content + b"\n" for content in records))
    assert len(found) == len(records)
    assert not set(b"123456789") & set(b"".join(found))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", b"plain"),
        ("with end\r\n", b"with end"),
        ("two\nlines\n\n", b"two lines"),
        ("naïve", "naïve".encode()),
        ("byte \udcff", b"byte \xff"),
        ("half \ud800", b"half \xed\xa0\x80"),
    ],
)
def test_a_text_is_one_record(text: str, expected: bytes) -> None:
    assert record(text) == expected


@given(text=st.text())
def test_any_text_is_one_record(text: str) -> None:
    assert b"\n" not in record(text)


@given(st.binary(max_size=3000))
def test_vectors_take_out_the_same_digits(data: bytes) -> None:
    expected = data.translate(bytes.maketrans(b"123456789", b"000000000"))
    assert digits_to_zero(data).tobytes() == expected
