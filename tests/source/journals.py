"""Real journals, written by systemd's own writer, and a journalctl that misbehaves on demand."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

_WRITER = Path("/lib/systemd/systemd-journal-remote")
_BEGIN = 1_781_258_400  # 2026-06-12, 10:00 UTC

needs_journal = pytest.mark.skipif(
    shutil.which("journalctl") is None or not _WRITER.exists(),
    reason="needs journalctl and systemd-journal-remote",
)


def moment(number: int) -> int:
    """Return the time of an entry, in microseconds: a millisecond lies between two of them."""
    return _BEGIN * 1_000_000 + number * 1000


def exported(number: int, message: str | bytes | None, boot: int = 1, **fields: str) -> bytes:
    """Return an entry in the journal's export format."""
    every = {
        "__REALTIME_TIMESTAMP": str(moment(number)),
        "__MONOTONIC_TIMESTAMP": str(number * 1000 + 1),
        "_BOOT_ID": f"{boot:032x}",
        "PRIORITY": "5",
        "SYSLOG_IDENTIFIER": "app",
        "_PID": "12",
        "_HOSTNAME": "db1",
        **fields,
    }
    found = b"".join(f"{name}={value}\n".encode() for name, value in every.items())
    if isinstance(message, bytes):  # what is binary comes with its length
        found += b"MESSAGE\n" + struct.pack("<Q", len(message)) + message + b"\n"
    elif message is not None:
        found += f"MESSAGE={message}\n".encode()
    return found + b"\n"


def line(number: int, message: str) -> str:
    """Return the record of an entry that :func:`exported` made."""
    time = datetime.fromtimestamp(_BEGIN, UTC).strftime("%Y-%m-%dT%H:%M:")
    seconds, micros = divmod(number * 1000, 1_000_000)
    assert seconds < 60
    return f"<13>{time}{seconds:02}.{micros:06}+00:00 db1 app[12]: {message}"


class Writer:
    """Writes one journal file of a directory for as long as it is open."""

    def __init__(self, directory: Path, name: str = "a.journal") -> None:
        directory.mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            [_WRITER, "-o", directory / name, "-"],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def write(self, *entries: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b"".join(entries))
        self._process.stdin.flush()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(20) == 0

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def printed(number: int, message: Any = "", **fields: Any) -> str:
    """Return an entry as journalctl prints it in JSON."""
    every = {
        "__CURSOR": f"s=1;i={number}",
        "__REALTIME_TIMESTAMP": str(moment(number)),
        "PRIORITY": "5",
        "SYSLOG_IDENTIFIER": "app",
        "_PID": "12",
        "_HOSTNAME": "db1",
        "MESSAGE": message,
        **fields,
    }
    return json.dumps(every) + "\n"


class FakeJournalctl:
    """A program that prints prepared output, another one at each call, and ends or stays."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir()
        self.prepared = 0
        script = directory / "journalctl"
        script.write_text(
            f'#!/bin/sh\ncd {directory}\necho "$*" >> calls\nn=$(wc -l < calls)\n'
            "cat err.$n >&2\ncat out.$n\n"
            '[ "$(cat status.$n)" = stays ] && exec sleep 600\nexit $(cat status.$n)\n'
        )
        script.chmod(0o755)

    def prepare(self, out: str | bytes, *, err: str = "", status: int | str = 0) -> None:
        """Say what the next call does."""
        self.prepared += 1
        content = out if isinstance(out, bytes) else out.encode()
        (self.directory / f"out.{self.prepared}").write_bytes(content)
        (self.directory / f"err.{self.prepared}").write_text(err)
        (self.directory / f"status.{self.prepared}").write_text(str(status))

    def calls(self) -> list[str]:
        return (self.directory / "calls").read_text().splitlines()
