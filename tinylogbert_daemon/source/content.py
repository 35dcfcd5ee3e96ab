"""What the first bytes of a file say that it is."""

from __future__ import annotations

import re

SNIFF_BYTES = 1024

COMPRESSED_SUFFIXES = (".gz", ".xz", ".bz2", ".zst", ".lz4", ".z", ".zip", ".7z", ".lzma")

_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
    b"PK\x03\x04": "zip",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"\x1f\x9d": "compress",
}
# What text may hold of the control range: tab, newline, vertical tab, form feed, return, backspace
# and escape (terminal colours).
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\b\x1b"))
_CONTROL_SHARE = 0.1
# A stray NUL or two must not make the whole log unreadable; real binary files hold hundreds.
_STRAY_NULS = 8
# Where a line should begin: what a crash, or a writer that keeps its offset, leaves in a log.
_HOLE = re.compile(rb"(?:\A|(?<=\n))\0+")


def compression(head: bytes) -> str | None:
    """Return the name of the compression that the magic bytes tell, or None."""
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            # bzip2's magic is three letters that a log line may begin with: ask for its level
            if name == "bzip2" and not head[3:4].isdigit():
                continue
            return name
    return None


def binary_reason(head: bytes) -> str | None:
    """Say why the first ``SNIFF_BYTES`` of a file are no text, or None where they may be.

    Of other encodings than UTF-8 and Latin-1 ``head`` is what they are transcoded to. What stands
    around a run of NUL bytes where a line should begin (the hole that copytruncate leaves under a
    writer that keeps its offset) is text.
    """
    head = _HOLE.sub(b"", head)
    if head.count(b"\0") > _STRAY_NULS:
        return "binary (NUL bytes)"
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if controls > _CONTROL_SHARE * len(head):
        return "binary (control bytes)"
    return None
