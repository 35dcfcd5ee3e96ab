"""From a block of records to their shapes, at C speed: nothing here loops over lines in Python.

A shape is the record's bytes after the whole-block substitutions, with every digit as ``0``.
The substitutions turn digits that are a class, not a quantity (HTTP status, syslog priority,
exit code), into letters. Each is a pure function of a record's bytes and never touches a newline,
so a record has the same shape in whatever block it arrives. A source whose records need none does
not pay for them: :mod:`~tinylogbert_daemon.model.lookup`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tinylogbert_daemon.model.negation import settle

_DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"000000000")

# RFC 9110 section 15: the first digit is the class of a status.
_HTTP_CLASSES = {
    b"1": b"informational-",
    b"2": b"successful-",
    b"3": b"redirection-",
    b"4": b"clienterror-",
    b"5": b"servererror-",
}
_HTTP = re.compile(rb'(HTTP/(?:1\.[01]|2(?:\.0)?|3\.0)" )([1-5])')
# RFC 5424 section 6.2.1: priority = 8 x facility + severity.
_SYSLOG_SEVERITIES = (b"emerg", b"alert", b"crit", b"err", b"warning", b"notice", b"info", b"debug")
_PRIORITIES = {
    str(priority).encode(): b"<pri-" + _SYSLOG_SEVERITIES[priority % 8] + b">"
    for priority in range(192)
}
_PRIORITY = re.compile(rb"^<(\d{1,3})>", re.MULTILINE)
_EXIT = re.compile(rb"(exit(?:ed)?,?(?: with)?[ -]?(?:code|status)?[ =:]{1,2})(\d{1,3})(?!\d)")


@dataclass(frozen=True, slots=True)
class Substitution:
    """A whole-block rewrite of what ``pattern`` matches.

    ``guard`` is a byte string with which each match begins, or which stands before it where it is
    a newline's; ``shaped`` matches the shape of any record that is rewritten, if not only those.
    """

    name: str
    guard: bytes
    pattern: re.Pattern[bytes]
    shaped: re.Pattern[bytes]
    rewrite: Callable[[re.Match[bytes]], bytes]

    def apply(self, data: bytes) -> bytes:
        """Return ``data`` rewritten: a scan for the guard at C speed, and a match at each."""
        pieces: list[bytes] = []
        done = 0
        find, match, guard = data.find, self.pattern.match, self.guard
        behind = guard.startswith(b"\n")
        # the first line has no newline before it
        at = 0 if behind and data.startswith(guard[1:]) else find(guard)
        while at >= 0:
            begin = at + (behind and data[at] == guard[0])
            found = match(data, begin)
            if found is not None:
                pieces += data[done:begin], self.rewrite(found)
                done = found.end()
            at = find(guard, max(at + 1, done))
        if not pieces:
            return data
        pieces.append(data[done:])
        return b"".join(pieces)


SUBSTITUTIONS = (
    Substitution(
        "http-status",
        b"HTTP/",
        _HTTP,
        re.compile(rb'HTTP/0(?:\.0)?" 0'),
        lambda found: found[1] + _HTTP_CLASSES[found[2]],
    ),
    Substitution(
        "syslog-priority",
        b"\n<",
        _PRIORITY,
        re.compile(rb"\A<0{1,3}>"),
        lambda found: _PRIORITIES.get(found[1], found[0]),
    ),
    Substitution(
        "exit-code",
        b"exit",
        _EXIT,
        re.compile(rb"exit(?:ed)?,?(?: with)?[ -]?(?:code|status)?[ =:]{1,2}0"),
        lambda found: found[1] + (b"zero" if int(found[2]) == 0 else b"nonzero"),
    ),
)
"""In the order in which they are applied; none touches what another one looks for."""


def shapes(data: bytes) -> list[bytes]:
    """Return the shape of each record of ``data``, in order.

    ``data`` is a block whose records all end in a newline; the result has one entry a record.

    >>> shapes(b"took 35 ms\\ntook 7 ms\\n")
    [b'took 00 ms', b'took 0 ms']
    """
    for substitution in SUBSTITUTIONS:
        data = substitution.apply(data)
    data = settle(data)
    return records(data.translate(_DIGITS_TO_ZERO))


def records(data: bytes) -> list[bytes]:
    """Return the records of ``data``, which all end in a newline, without it."""
    found = data.split(b"\n")
    found.pop()
    return found


def record(text: str) -> bytes:
    """Return ``text`` as one record without its newline; newlines inside it become spaces.

    Lone surrogates that stand for bytes (PEP 383) become these bytes again; others, which no
    UTF-8 can hold, become bytes that are no UTF-8.

    >>> record("naïve\\nline\\n")
    b'na\\xc3\\xafve line'
    """
    line = text.rstrip("\r\n").replace("\n", " ")
    try:
        return line.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return line.encode("utf-8", "surrogatepass")
