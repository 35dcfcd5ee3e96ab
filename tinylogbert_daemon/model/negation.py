"""What a record says there was none of: ``errors=0``, ``no failures``, ``"error":null``.

With its digits taken out, ``errors=0`` would read like ``errors=5``, and the severity head, which
goes by the words, takes "no errors" for more trouble than silence. So each of these becomes
``ok 0``. Only words of trouble are known here, and no other "no": what is missing may well be the
trouble ("no space left", "no route to host").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, TypeVar

# A guard, which is the word but for its first letter; the word; what is counted. "dropped 0"
# counts, "failed 0" may be the number of what failed.
_TROUBLE = (
    (b"rr", "[eE]rr(?:or)?", "[eE]rrors"),
    (b"ail", "[fF]ail(?:ure|ed)?", "[fF]ail(?:ure)?s"),
    (b"xception", "[eE]xception", "[eE]xceptions"),
    (b"roblem", "[pP]roblem", "[pP]roblems"),
    (b"arning", "[wW]arning", "[wW]arnings"),
    (b"rop", "[dD]rop(?:ped)?", "[dD]rop(?:s|ped)"),
)
_GUARDS = tuple(guard for guard, _, _ in _TROUBLE)
_ONE = "(?:" + "|".join(one for _, one, _ in _TROUBLE) + ")"
_MANY = "(?:" + "|".join(many for _, _, many in _TROUBLE) + ")"

_END_OF_FIELD = r"(?=[.!]?[\"']?[ \t\r]*(?:[,;)\]}|\n]|\Z))"
_COUNT = r"([0-9])(?![\w%/:-]|[.,][0-9])"
_IS = r"[\"']? ?[=:] ?[\"']?"


def _compiled(*alternatives: str) -> re.Pattern[bytes]:
    return re.compile("|".join(alternatives).encode(), re.MULTILINE)


# all quantifiers are bounded; a group is a count of one digit
_WITH_VALUE = _compiled(
    rf"{_MANY}(?:{_IS}| {{1,8}}|\.{{2,64}}){_COUNT}",
    # "level=error count=0" is a level and a count of something else
    rf"(?<![=:\[<(])(?:{_MANY}|{_ONE})[_-]?(?:[cC]ount|[tT]otal)(?:{_IS}| {{1,8}}){_COUNT}",
    rf"{_ONE}(?:[\"']?=[\"']?|\.{{2,64}}){_COUNT}",
    rf"{_ONE}[\"']?: ?[\"']?([0-9]){_END_OF_FIELD}",
    # as a field alone: "Exception: null" is one without a message
    rf"{_ONE}(?:[\"']?=|[\"']: ?)(?:(?:null|nil|<nil>|None|none|false)(?![\w.-])|\"\"|'')",
)
_DENIED = _compiled(rf"{_MANY}(?!\w)|{_ONE}{_END_OF_FIELD}")
_NO = _compiled(r"(?<![\w-])(?:[nN]o|[wW]ithout(?: any)?) \Z")
_COUNTED = _compiled(rf"(?:{_MANY}|{_ONE})(?!\w)")
# a bare 0 may number what failed ("disk 0 failed"): it counts in a list or behind such words; an
# exit code of 0 is "zero" already
_NUMBER = _compiled(
    r"(?:^|(?<=[(\[,;:=|])|(?<=[()\[\],;:=|] )"
    r"|(?<=\b[wW]ith )|(?<=\band )|(?<=\b[fF]ound )|(?<=\b[gG]ot ))(?:([0-9])|[zZ]ero) \Z"
)
# what begins right behind is no word: put something in its place, and a word before has its end
_NO_BEGIN = (
    *(b"%d" % digit for digit in range(10)),
    *(b"rr rror rrors ail ailure ailed ails ailures xception xceptions".split()),
    *(b"roblem roblems arning arnings rop rops ropped".split()),
)
_LONGEST_PREFIX = len("without any ")

_ZERO = ord("0")
_KEPT, _KEPT_BYTES = 128, 4096  # shapes of one source, and the longest of them

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class _Said(NamedTuple):
    begin: int
    end: int
    counts: tuple[int, ...] = ()  # where they stand, what counts last; none if said in words


def settle(data: bytes) -> bytes:
    """Return ``data`` with all that it says there was none of as ``ok 0``.

    The same object if there is nothing of the kind. A count of some in one digit is written with
    two, so that what comes out is the same for no two records of which only one denies trouble,
    and stays as it is when settled again. Records are rewritten each by itself, and newlines stay.

    >>> settle(b"took 5 s: errors=0, failures=3, 0 warnings")
    b'took 5 s:  ok 0 , failures=00,  ok 0 '
    """
    pieces: list[bytes] = []
    done = 0
    for said in _all_said(data):
        if not said.counts or data[said.counts[-1]] == _ZERO:
            pieces += data[done : said.begin], b" ok 0 "
        else:
            for count in said.counts:
                pieces += data[done:count], b"00"
                done = count + 1
            pieces.append(data[done : said.end])
        done = said.end
    return b"".join([*pieces, data[done:]]) if pieces else data


class Settling:
    """Settles the records of shapes that come again and again, each shape worked out once.

    What is said, and where, a record's shape tells; only whether a count is 0 does not stand in it.
    """

    def __init__(self) -> None:
        self._counts: dict[bytes, tuple[int, ...]] = {}
        self._settled: dict[tuple[bytes, ...], bytes] = {}

    def shape(self, shape: bytes, record: bytes) -> bytes:
        """Return the shape of ``settle(record)``; ``shape`` is ``record`` with its digits as 0."""
        counts = self._counts.get(shape)
        if counts is None:
            counts = tuple(said.counts[-1] for said in _all_said(shape) if said.counts)
            _keep(self._counts, shape, counts, shape)
        # a count of none as it is, one of some as 1
        said = bytes(_ZERO + (record[count] != _ZERO) for count in counts)
        settled = self._settled.get((shape, said))
        if settled is None:
            example = bytearray(shape)
            for count, digit in zip(counts, said, strict=True):
                example[count] = digit
            settled = settle(bytes(example)).replace(b"1", b"0")
            _keep(self._settled, (shape, said), settled, shape)
        return settled


def _keep(kept: dict[_Key, _Value], key: _Key, value: _Value, shape: bytes) -> None:
    if len(shape) <= _KEPT_BYTES:
        if len(kept) >= _KEPT:
            kept.clear()
        kept[key] = value


def _all_said(data: bytes) -> Iterator[_Said]:
    """Yield all that is said of words of trouble, in order."""
    done = 0
    for at in _places(data):
        said = _at(data, at, done) if at >= done else None
        if said is not None:
            yield said
            done = said.end


def _places(data: bytes) -> list[int]:
    """Return where a word of trouble may begin, in order."""
    found = []
    for guard in _GUARDS:
        at = data.find(guard, 1)
        while at >= 0:
            found.append(at - 1)
            at = data.find(guard, at + 1)
    return sorted(found)


def _at(data: bytes, at: int, done: int) -> _Said | None:
    """Return what is said of the word at ``at``; what lies before ``done`` belongs to another."""
    if data.endswith(_NO_BEGIN, 0, at):
        return None
    denied = _behind(data, at, done, _DENIED, _NO)
    if denied is not None:
        return denied
    counted = _behind(data, at, done, _COUNTED, _NUMBER)
    value = _WITH_VALUE.match(data, at)
    if value is None or (counted is not None and not counted.counts):
        return counted
    # of "3 error=0" the value counts; of "3 error=5" both are written with two digits
    before = counted.counts if counted is not None else ()
    own = (value.start(value.lastindex),) if value.lastindex else ()
    return _Said(at, value.end(), before + own if own else ())


def _behind(
    data: bytes, at: int, done: int, word: re.Pattern[bytes], prefix: re.Pattern[bytes]
) -> _Said | None:
    """Return what is said of a ``word`` at ``at`` by a ``prefix`` right before it."""
    found = word.match(data, at) if at and data[at - 1 : at] == b" " else None
    if found is None:
        return None
    before = prefix.search(data, max(done, at - _LONGEST_PREFIX), at)
    if before is None:
        return None
    return _Said(before.start(), found.end(), (before.start(1),) if before.lastindex else ())
