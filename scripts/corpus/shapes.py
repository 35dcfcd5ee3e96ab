"""What a log line says apart from its numbers and names, and how many of a kind are kept."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby

DIGITS = bytes.maketrans(b"123456789", b"0" * 9)
HEX = re.compile(rb"\b(?:0x)?(?=[a-fA-F]*0)[0a-fA-F]{6,}\b")
PLAIN_WORD = re.compile(rb"[a-z]{2,}[,.:;]?")
TROUBLE = re.compile(
    rb"\b(?:err|error|errors|fail|failed|failure|fatal|crit|critical|alert|emerg|emergency|panic"
    rb"|warn|warning|severe|exception|denied|refused)\b",
    re.IGNORECASE,
)


def shape(line: bytes) -> bytes:
    """A line without its digits and long hex words.

    >>> shape(b"pid 17 at 0x7fe1a2b3c4d5 of deadbeef1")
    b'pid 00 at # of #'
    """
    return HEX.sub(b"#", line.translate(DIGITS))


def family(line: bytes) -> bytes:
    """What a line says, with every word that isn't plain lower case taken as a name.

    >>> family(b"[0.1s][info] loaded java.util.Map from cache 7")
    b'* loaded * from cache *'
    """
    words = (word if PLAIN_WORD.fullmatch(word) else b"*" for word in line.split())
    return b" ".join(word for word, _ in groupby(words))


def diverse(
    rows: Iterable[tuple[bytes, str]], per_shape: int = 3, per_family: int = 60
) -> Iterator[tuple[bytes, str]]:
    """Keep a few lines of every shape and family; drop empty and binary ones.

    A row is a line and the phase it was logged in. Healthy, faulty and unknown lines are counted
    apart, so that what is said in both conditions is seen in both.

    >>> list(diverse([(b"a 1", "-"), (b"a 2", "-"), (b"", "-"), (b"a 3", "healthy")], per_shape=1))
    [(b'a 1', '-'), (b'a 3', 'healthy')]
    """
    seen: Counter[tuple[str, str, bytes]] = Counter()
    for line, phase in rows:
        if not line.strip() or b"\0" in line:
            continue
        kind = phase.partition(":")[0]
        keys = ((kind, "shape", shape(line)), (kind, "family", family(line)))
        seen.update(keys)
        if seen[keys[0]] <= per_shape and seen[keys[1]] <= per_family:
            yield line, phase
