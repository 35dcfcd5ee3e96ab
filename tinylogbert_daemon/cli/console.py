"""What the one-shot commands write and show: whole output files, progress."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from tinylogbert_daemon.errors import DataError

STDIO = "-"
_REPORT_SECONDS = 10.0


def say(text: str) -> None:
    """Tell people what is being done, on standard error."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def output_file(path: Path | None) -> Iterator[BinaryIO]:
    """Give a file to write ``path`` through, or standard output for None and ``-``.

    The file appears whole at the end, under its name, or not at all; a pipe or device is written
    to as it is. Raises :class:`DataError` if it cannot be written.
    """
    if path is None or str(path) == STDIO:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    special = path.exists() and not path.is_file()
    target = path if special else path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        if path.is_dir():
            raise IsADirectoryError(21, "is a directory")
        stream = target.open("wb")
    except OSError as error:
        raise DataError(f"{path}: cannot write: {error.strerror}") from error
    try:
        with stream:
            yield stream
        if not special:
            target.replace(path)
    except BaseException:
        if not special:
            with suppress(OSError):
                target.unlink()
        raise


def make_folder(folder: Path) -> None:
    """Make an output folder before the long work; raises :class:`DataError` if it is no use."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise DataError(f"{folder}: cannot write into this folder: {error.strerror}") from error


@contextmanager
def byte_progress(names: list[str], what: str, passes: int = 1) -> Iterator[Callable[[int], Any]]:
    """Give a function to be told of bytes as they are read; shows a bar on a terminal.

    The files are read ``passes`` times; without ``names`` there is no bar.
    """
    from tinylogbert_daemon.source.content import COMPRESSED_SUFFIXES

    if not names or not sys.stderr.isatty():
        yield lambda _: None
        return
    from tqdm import tqdm

    plain = [Path(name) for name in names if not name.endswith(COMPRESSED_SUFFIXES)]
    sizes = [path.stat().st_size for path in plain if path.is_file()]
    known = len(sizes) == len(names)
    bar = tqdm(
        desc=what,
        total=passes * sum(sizes) if known else None,
        unit="B",
        unit_scale=True,
        leave=False,
        file=sys.stderr,
    )
    with bar:
        yield bar.update


@contextmanager
def line_progress(what: str, total: int | None = None) -> Iterator[Callable[[int], Any]]:
    """Give a function to be told of lines as they are done; shows a bar on a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from tqdm import tqdm

    with tqdm(desc=what, total=total, unit=" lines", leave=False, file=sys.stderr) as bar:
        yield bar.update


class StepProgress:
    """Training progress on stderr: a bar on a terminal, else a line every ten seconds."""

    def __init__(self, stream: Any = None, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream or sys.stderr
        self._now = now
        self._bar: Any = None
        self._began: tuple[float, int] | None = None
        self._told = now()
        self.step = 0
        self.steps = 0

    def __call__(self, step: int, steps: int, loss: float) -> None:
        """Show that ``step`` of ``steps`` is done, with the smoothed loss in nats."""
        self.step, self.steps = step, steps
        moment = self._now()
        if self._began is None:
            self._began = (moment, step)
        if self._stream.isatty():
            self._advance(step, steps, loss)
            return
        if moment - self._told < _REPORT_SECONDS and step < steps:
            return
        self._told = moment
        rate = (step - self._began[1]) / max(1e-9, moment - self._began[0])
        left = f"{(steps - step) / rate:.0f} s left" if rate else "time left unknown"
        print(
            f"step {step} of {steps}, loss {loss:.3f}, {rate:.2f} steps/s, {left}",
            file=self._stream,
            flush=True,
        )

    def close(self) -> None:
        """Finish the bar."""
        if self._bar is not None:
            self._bar.close()

    def _advance(self, step: int, steps: int, loss: float) -> None:
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(
                desc="training", total=steps, initial=step - 1, unit="step", file=self._stream
            )
        self._bar.set_postfix_str(f"loss {loss:.3f}", refresh=False)
        self._bar.update(step - self._bar.n)
