"""Streams cut into blocks of records, and inputs opened by what they hold."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import sys
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinylogbert_daemon.errors import SourceError
from tinylogbert_daemon.source import lines as module
from tinylogbert_daemon.source.lines import blocks_of, open_input

TEXT = b"one\n\ntwo\r\nthree\n"


class Trickle(io.RawIOBase):
    """A stream that gives a few bytes at a time, as a pipe may."""

    def __init__(self, data: bytes, step: int) -> None:
        self._data = io.BytesIO(data)
        self._step = step

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(self._step, size))


@given(
    st.lists(st.binary(max_size=60).map(lambda line: line.replace(b"\n", b"")), max_size=60),
    st.booleans(),
    st.integers(1, 50),
)
def test_every_record_once_whatever_the_reads(lines: list[bytes], end: bool, step: int) -> None:
    data = b"\n".join(lines) + (b"\n" if end and lines else b"")
    stream = cast(BinaryIO, Trickle(data, step))
    blocks = list(blocks_of(stream, block_bytes=100, record_bytes=50))
    joined = b"".join(blocks)
    assert joined == data + (b"" if data.endswith(b"\n") or not data else b"\n")
    for block in blocks:
        assert block.endswith(b"\n")
        assert len(block) <= 101


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
def test_overlong_records_are_cut_and_the_stream_goes_on(step: int) -> None:
    data = b"one\n" + b"x" * 1000 + b"\ntwo\n" + b"y" * 500
    stream = cast(BinaryIO, Trickle(data, step))
    blocks = blocks_of(stream, block_bytes=100, record_bytes=20)
    records = b"".join(blocks).split(b"\n")[:-1]
    assert records == [b"one", b"x" * 20, b"two", b"y" * 20]


def test_nothing_gives_nothing() -> None:
    assert list(blocks_of(io.BytesIO(b""))) == []


def test_whole_file_in_blocks_of_a_megabyte() -> None:
    data = b"a line of the log\n" * 200_000
    blocks = list(blocks_of(io.BytesIO(data)))
    assert b"".join(blocks) == data
    assert len(blocks) < 6


@pytest.mark.parametrize("name", ["log", "log.gz"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress, bz2.compress])
def test_open_tells_the_compression_by_the_bytes(
    tmp_path: Path, name: str, pack: type[bytes]
) -> None:
    (tmp_path / name).write_bytes(pack(TEXT))
    with open_input(str(tmp_path / name)) as stream:
        assert b"".join(blocks_of(stream)) == TEXT


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_open_empty(tmp_path: Path, pack: type[bytes]) -> None:
    (tmp_path / "log").write_bytes(pack(b""))
    with open_input(str(tmp_path / "log")) as stream:
        assert list(blocks_of(stream)) == []


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_open_standard_input(monkeypatch: pytest.MonkeyPatch, pack: type[bytes]) -> None:
    stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(pack(TEXT))))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert b"".join(blocks_of(open_input("-"))) == TEXT


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("name", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-8"])
def test_open_makes_utf_8_of_what_has_a_byte_order_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, pack: type[bytes]
) -> None:
    monkeypatch.setattr(module, "_BUFFER_BYTES", 7)  # splits characters, and pairs of surrogates
    text = "10:00 INFO gestartet: Grüße, 世界 🎉\n" * 50 + "the last one"
    log = tmp_path / "log"
    log.write_bytes(pack(("\ufeff" + text).encode(name)))
    with open_input(str(log)) as stream:
        assert b"".join(blocks_of(stream)) == text.encode() + b"\n"
    assert stream.closed
    reader, writer = os.pipe()
    os.write(writer, log.read_bytes())
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(pipe))
        assert b"".join(blocks_of(open_input("-"))) == text.encode() + b"\n"


def test_open_refuses_other_encodings_that_nothing_tells(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes("10:00 INFO started\n".encode("utf-32-le") * 9)
    assert problem(log) == "PATH: binary (NUL bytes), not a log"


def problem(path: Path) -> str:
    with pytest.raises(SourceError) as caught, open_input(str(path)) as stream:
        list(blocks_of(stream))
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(str(path), "PATH")


def test_no_such_file(tmp_path: Path) -> None:
    assert problem(tmp_path / "none") == "PATH: no such file or directory"


def test_directory(tmp_path: Path) -> None:
    assert problem(tmp_path) == "PATH: is a directory"


def test_permission_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert problem(tmp_path / "log") == "PATH: permission denied"


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
def test_binary_is_refused(tmp_path: Path, pack: type[bytes]) -> None:
    (tmp_path / "log").write_bytes(pack(b"\x7fELF" + b"\1\0\0\0" * 200))
    assert problem(tmp_path / "log") == "PATH: binary (NUL bytes), not a log"


def test_other_compressions_are_named(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"\x28\xb5\x2f\xfd" + b"x" * 20)
    assert problem(tmp_path / "log") == "PATH: compressed (zstd): unpack it first"


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bz2.compress])
def test_archive_that_ends_too_early(tmp_path: Path, pack: type[bytes]) -> None:
    packed = pack(b"".join(b"line %d %d\n" % (n, n * n) for n in range(20_000)))
    (tmp_path / "log").write_bytes(packed[: len(packed) // 2])
    assert problem(tmp_path / "log") == "PATH: the compressed data ends too early"


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bz2.compress])
def test_damaged_archive(tmp_path: Path, pack: type[bytes]) -> None:
    packed = bytearray(pack(b"".join(b"line %d %d\n" % (n, n * n) for n in range(20_000))))
    for at in range(len(packed) // 2, len(packed) // 2 + 40):
        packed[at] ^= 0xFF
    (tmp_path / "log").write_bytes(bytes(packed))
    assert problem(tmp_path / "log").startswith("PATH: the compressed data is damaged (")


def test_nul_byte_in_the_name() -> None:
    with pytest.raises(SourceError):
        open_input("a\0b")
