"""What the one-shot commands share: the engine, option types, whole output files, progress."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from tinylogbert_daemon.errors import DataError, TinyLogBertError

if TYPE_CHECKING:
    from tinylogbert_daemon.clock import ManualClock
    from tinylogbert_daemon.config import Config
    from tinylogbert_daemon.decide.engine import Engine
    from tinylogbert_daemon.decide.score import Decider
    from tinylogbert_daemon.model.artifact import Artifact

STDIO = "-"
_REPORT_SECONDS = 10.0


def share(text: str) -> float:
    """Return an option's number in [0, 1]."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to 1")
    return value


def positive(text: str) -> int:
    """Return an option's whole number above 0."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return value


def add_model_argument(parser: argparse.ArgumentParser) -> None:
    """Add the option by which a one-shot command finds its model."""
    parser.add_argument(
        "--model",
        metavar="M",
        help="artifact folder, its symlink or its model.pt (default: the configured model)",
    )


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options by which a one-shot command finds its model, threshold and state."""
    add_model_argument(parser)
    parser.add_argument(
        "-t",
        "--threshold",
        metavar="T",
        type=share,
        help="score from which a line is an anomaly, 0 to 1 (default: the configured one, 0.5)",
    )
    parser.add_argument(
        "--state",
        metavar="DIR",
        type=Path,
        help="a daemon's state directory: judge what is new by its counts, which stay as they are "
        "(default: by those of the model's training data)",
    )


class Setup:
    """An engine, the decider inside it and the clock that it reads log time from."""

    def __init__(self, engine: Engine, decider: Decider, clock: ManualClock) -> None:
        self.engine = engine
        self.decider = decider
        self.clock = clock


def load_artifact(model: str | None) -> Artifact:
    """Return the artifact ``model``, or the configured one; raises a :class:`TinyLogBertError`."""
    from tinylogbert_daemon.config.load import load as load_config
    from tinylogbert_daemon.model.artifact import load

    return load(model or load_config().model.path)


def load_setup(
    model: str | None = None,
    threshold: float | None = None,
    state: Path | None = None,
    *,
    config: Config | None = None,
    observe: Callable[[float], None] = lambda _: None,
) -> Setup:
    """Return the engine on the artifact ``model``, its calibration, and ``state`` if given.

    What is not given is as configured. ``observe`` is told the seconds of each model call. Raises
    a :class:`TinyLogBertError` for a wrong model, configuration or state.
    """
    from tinylogbert_daemon.clock import ManualClock
    from tinylogbert_daemon.config import load as load_config
    from tinylogbert_daemon.decide.engine import Engine
    from tinylogbert_daemon.decide.score import Decider
    from tinylogbert_daemon.model.artifact import load
    from tinylogbert_daemon.model.scorer import Scorer
    from tinylogbert_daemon.state import Store

    config = config or load_config()
    artifact = load(model or config.model.path)
    decider = Decider.of(
        artifact,
        config.decision.threshold if threshold is None else threshold,
        config.decision.half_life_hours * 3600,
    )
    clock = ManualClock()
    if state is not None:
        store = Store(state, read_only=True)
        rows = store.counts()
        decider.counts.load(rows, store.sketch())
        decider.restore(store.reference(artifact.name) or b"")
        store.close()
        # as if the lines came right after the last one that the daemon saw
        clock.advance(max((updated for _, _, updated in rows), default=0.0))
    scorer = Scorer(artifact, config.model.threads, observe)
    return Setup(Engine(scorer, decider, clock.now), decider, clock)


def need_train_extra() -> None:
    """Raise one clear line if the libraries of the train extra are not installed."""
    from importlib.util import find_spec

    missing = [name for name in ("transformers", "sklearn", "safetensors") if not find_spec(name)]
    if missing:
        raise TinyLogBertError(
            f"this command needs {', '.join(missing)}: pip install 'tinylogbert[train]'"
        )


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


@contextmanager
def byte_progress(names: list[str], what: str, passes: int = 1) -> Iterator[Callable[[int], Any]]:
    """Give a function to be told of bytes as they are read; shows a bar on a terminal."""
    from tinylogbert_daemon.source.content import COMPRESSED_SUFFIXES

    if not sys.stderr.isatty():
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
