"""Bytes that an attacker could have a program log, as strategies."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.conftest import log_lines

# what the rules of shape, normaliser and log time begin with, and what they cannot end on
FRAGMENTS = [
    *(b"<34>", b"<", b">", b"[", b"]", b"[MASK]", b"[error]", b"{", b"}", b'"', b"'", b"\\", b"/"),
    *(b'HTTP/1.1" ', b'HTTP/2" 503', b"exited, status=", b"exit code ", b"0x", b"deadbeef", b"%"),
    *(b"a@b.c", b"://", b"http://", b"::", b"fe80::", b"10.0.0.", b"1.", b"-", b"--", b"_", b"="),
    *(b"Jan ", b"Jan  1 00:00:00 ", b"2025-01-29T00:36:34", b"+99:99", b"24:60:61"),
    b"29/Feb/1900:",
    *(b"9999-12-31T23:59:59-23:59", b'"ts":', b"audit(1", b"0001-01-01T00:00:00Z", b"W0229 "),
    *(b"\x00", b"\x1b[31m", b"\x1b]0;title\x07", b"\x9b", b"\xff\xfe", b"\xc3", b"\xed\xa0\x80"),
    *("\u202e", "\u2028", "\ufeff", "\u0130", "ß", "🔥", "\u0660"),
    *(b" ", b"\t", b"\r", b"\x0b", b"\x0c", b"\x1c", b"\x85", b"\xc2\xa0", b".", b",", b":", b";"),
    *(b"0", b"9", b"19", b"a", b"A", b"aB", b"error", b"ERROR", b"at ", b"key=", b"<script>"),
    *(b"${jndi:ldap://x}", b"%s%n", b"{0.__class__}", b"$(reboot)", b"`id`", b"../../", b"'; --"),
]
PIECES: st.SearchStrategy[bytes] = st.sampled_from(
    [one if isinstance(one, bytes) else str(one).encode() for one in FRAGMENTS]
)


def _one_line(content: bytes) -> bytes:
    return content.replace(b"\n", b"")


def records(max_pieces: int = 40) -> st.SearchStrategy[bytes]:
    """Return a strategy of single records, without their newline."""
    mixed = st.lists(PIECES | st.binary(max_size=6), max_size=max_pieces).map(b"".join)
    return st.one_of(
        mixed,
        st.binary(max_size=300),
        st.builds(
            lambda line, piece, place: line[:place].encode() + piece + line[place:].encode(),
            st.sampled_from(log_lines(60)),
            mixed,
            st.integers(0, 80),
        ),
    ).map(_one_line)


def long_records(size: int) -> st.SearchStrategy[bytes]:
    """Return a strategy of records of ``size`` bytes that repeat one thing for ever."""
    few = st.lists(PIECES, min_size=1, max_size=4).map(b"".join)
    return st.builds(
        lambda head, unit, tail: _one_line((head + unit * (size // len(unit)))[:size] + tail),
        few,
        few,
        few,
    )
