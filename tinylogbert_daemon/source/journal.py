"""The systemd journal as an endless stream of blocks, read through ``journalctl``."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncGenerator, Callable, Iterable
from concurrent.futures import Executor
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from tinylogbert_daemon.errors import SourceError
from tinylogbert_daemon.escape import printable
from tinylogbert_daemon.source.block import Block, FileKey, Position, digest
from tinylogbert_daemon.source.cutter import Cutter
from tinylogbert_daemon.source.entries import FIELDS, entries

PROGRAM = "journalctl"
ENTRY_BYTES = 16 << 20
"""A longer line of JSON is passed over and counted as unreadable."""

JOURNALS = (Path("/var/log/journal"), Path("/run/log/journal"))
"""Where the host's journal lies, kept for good or until it is switched off: journald.conf(5)."""

HINT = "no configured file is there, but a systemd journal is; to read it, add: journal: true"

_CHUNK_BYTES = 1 << 19
_RECORD_GUESS = 128  # bytes of a usual record: journalctl counts what it reads back in entries
_FIRST_DELAY, _LONGEST_DELAY = 1.0, 60.0
_END_SECONDS = 2.0
_PROBE_SECONDS = 10.0
_SAID = 50


@dataclass(frozen=True, slots=True)
class Selection:
    """Which entries of which journal: those of ``units`` that fit ``matches`` (``FIELD=value``).

    An empty ``directory`` means the host's own journal.
    """

    units: tuple[str, ...] = ()
    matches: tuple[str, ...] = ()
    directory: str = ""

    @property
    def path(self) -> str:
        """The name of the journal in metrics and status."""
        return f"journal:{self.directory}" if self.directory else "journal"


def is_there() -> bool:
    """Tell whether this host has a journal and the program to read it."""
    files = (file for folder in JOURNALS for file in folder.glob("*/*.journal"))
    return shutil.which(PROGRAM) is not None and next(files, None) is not None


def program(source: str, selection: Selection) -> str:
    """Return where ``journalctl`` is. Raises :class:`SourceError` if the journal cannot be read."""
    found = shutil.which(PROGRAM)
    if found is None:
        raise SourceError(
            f"source {source}: there is no {PROGRAM} to read the journal with; install systemd, "
            "or name paths"
        )
    if selection.directory and not Path(selection.directory).is_dir():
        raise SourceError(
            f"source {source}: {selection.directory}: no such directory; name one that holds "
            "journal files"
        )
    return found


def probe(source: str, selection: Selection) -> list[str]:
    """Read one entry, as a check; return what ``journalctl`` says on standard error.

    Raises :class:`SourceError` if the journal cannot be read.
    """
    command = _command(program(source, selection), selection, "--lines=1")
    try:
        # no shell, and what comes from the configuration is no option
        done = subprocess.run(  # noqa: S603
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return [f"{PROGRAM} gave no answer in {_PROBE_SECONDS:g} s"]
    except OSError as error:
        raise SourceError(f"source {source}: {command[0]}: {error.strerror}") from error
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    if done.returncode != 0:
        reason = said[-1] if said else f"status {done.returncode}"
        raise SourceError(
            printable(f"source {source}: {PROGRAM} cannot read the journal: {reason}")
        )
    return said


def _command(program: str, selection: Selection, *options: str) -> list[str]:
    """Return the command that prints the selected entries.

    ``--merge``, as with ``--follow`` alone only the last boot is shown. ``--all``, as long messages
    would be null.
    """
    command = [program, "--output=json", "--all", "--merge", "--no-pager"]
    command += [f"--output-fields={','.join(FIELDS)}", *options]
    if selection.directory:
        command.append(f"--directory={selection.directory}")
    return [*command, *(f"--unit={unit}" for unit in selection.units), "--", *selection.matches]


class Journal:
    """One selection of a journal's entries, from the ``saved`` position of this source on.

    Without one, the last ``readback_bytes`` are handed on as readback, and then what comes. Where
    ``journalctl`` ends, it is started again after a pause that doubles from ``first_delay``
    seconds to a minute; ``say`` is told why, and what it writes on standard error. Raises
    :class:`SourceError` if the journal cannot be read.
    """

    def __init__(
        self,
        source: str,
        selection: Selection,
        *,
        saved: Iterable[Position],
        record_bytes: int,
        readback_bytes: int,
        executor: Executor,
        say: Callable[[str], None],
        first_delay: float = _FIRST_DELAY,
    ) -> None:
        self.source = source
        self.path = selection.path
        self.unreadable: str | None = None
        self._program = program(source, selection)
        self._selection = selection
        # a journal has neither device nor inode: source and directory tell one from another
        head = digest(b"\0".join((b"journal", source.encode(), selection.directory.encode())))
        self._key = FileKey(0, 0, head)
        found = next((position for position in saved if position.key == self._key), None)
        self._back = found is None
        self._position = found or Position(self._key, 0, 0, b"")
        self._record_bytes = record_bytes
        self._readback_bytes = readback_bytes
        self._executor = executor
        self._say = say
        self._first_delay = first_delay
        self._unreadable_lines = 0
        self._status: int | None = None
        self._heard = ""

    async def blocks(self) -> AsyncGenerator[Block, None]:
        """Yield the blocks for ever. Close it with ``aclose()``: ``journalctl`` ends with it."""
        delay = self._first_delay
        while True:
            before = self._position
            self._status, self._heard = None, ""
            try:
                async with aclosing(self._run()) as blocks:
                    async for block in blocks:
                        yield block
            except OSError as error:
                self._heard = (error.strerror or str(error)).lower()
            if self._back and self._is_read_back():
                self._back = False
                # also where there was nothing: what comes from now on is new
                yield Block(self.source, self.path, b"", self._position.offset, 0, self._position)
                continue
            if self._position != before:
                delay = self._first_delay
            self.unreadable = self._reason()
            self._say(f"{self.unreadable}; starting it again in {delay:g} s")
            await asyncio.sleep(delay)
            delay = min(2 * delay, _LONGEST_DELAY)

    def _is_read_back(self) -> bool:
        """Return whether ``journalctl`` has come to the end of what was there."""
        return self._status == 0

    def _reason(self) -> str:
        if self._status is None:
            return f"{PROGRAM} cannot be started: {self._heard}"
        how = f"with status {self._status}" if self._status >= 0 else f"by signal {-self._status}"
        return f"{PROGRAM} ended {how}" + (f": {self._heard}" if self._heard else "")

    def command(self) -> list[str]:
        """Return the command that goes on from where the journal stands.

        ``--cursor``, not ``--after-cursor``: where the entry of the cursor is gone from the
        journal, the latter passes over the one that now stands in its place.
        """
        cursor = self._position.cursor
        options = [] if self._back else ["--follow", "--no-tail"]
        if cursor:
            options.append(f"--cursor={cursor}")
        elif self._back:
            # of a journal that is not read back, the last entry says where it ends
            options.append(f"--lines={max(1, self._readback_bytes // _RECORD_GUESS)}")
        return _command(self._program, self._selection, *options)

    async def _run(self) -> AsyncGenerator[Block, None]:
        """Yield what one run of ``journalctl`` brings; sets its exit status."""
        loop = asyncio.get_running_loop()
        process = await asyncio.create_subprocess_exec(
            *self.command(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_CHUNK_BYTES,
            # so that Ctrl-C at a terminal is not for it
            start_new_session=True,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        self.unreadable = None
        hearing = asyncio.create_task(self._hear(process.stderr))
        cutter = Cutter(ENTRY_BYTES)
        try:
            while chunk := await process.stdout.read(_CHUNK_BYTES):
                block = await loop.run_in_executor(self._executor, self._take, cutter, chunk)
                if block is not None:
                    yield block
            self._status = await process.wait()
            await hearing
        finally:
            await _end(process, hearing)

    async def _hear(self, stream: asyncio.StreamReader) -> None:
        """Say what comes on standard error, each line once."""
        cutter, said = Cutter(4096, 4096), set[str]()
        more = True
        while more:
            piece = await stream.read(4096)
            more = bool(piece)
            lines = cutter.feed(piece)[0] if more else cutter.finish()
            for line in lines.decode("utf-8", "replace").splitlines():
                self._heard = line
                if line.strip() and line not in said and len(said) < _SAID:
                    said.add(line)
                    self._say(f"{PROGRAM}: {line}")

    def _take(self, cutter: Cutter, chunk: bytes) -> Block | None:
        """Return the entries that ``chunk`` completes as a block, and move behind them."""
        lines, overlong = cutter.feed(chunk)
        before = self._position
        found = entries(lines, self._record_bytes, before.cursor)
        unreadable = overlong + found.unreadable
        if unreadable and not self._unreadable_lines:
            self._say(f"{PROGRAM} wrote what is no entry of a journal; it is passed over")
        self._unreadable_lines += unreadable
        if not found.count and (self._back or not self._unreadable_lines):
            return None
        keep = not self._back or self._readback_bytes > 0
        data, count = (found.data, found.count) if keep else (b"", 0)
        self._position = Position(
            self._key,
            before.offset + len(data),
            before.lines + (0 if self._back else count),
            b"",
            cursor=found.cursor,
        )
        unreadable, self._unreadable_lines = self._unreadable_lines, 0
        return Block(
            self.source,
            self.path,
            data,
            before.offset,
            count,
            self._position,
            cut=found.cut if keep else 0,
            readback=self._back,
            unreadable=unreadable,
        )


async def _end(process: asyncio.subprocess.Process, hearing: asyncio.Task[None]) -> None:
    """End a process with all that it started, and let go of its pipes."""
    assert process.stdout is not None
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_END_SECONDS):
            while await process.stdout.read(_CHUNK_BYTES):
                pass
            await hearing
            await process.wait()
    hearing.cancel()
