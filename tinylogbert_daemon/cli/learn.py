"""What ``train`` and ``workflow`` share: training that shows progress and can be interrupted."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from tinylogbert_daemon.cli.console import StepProgress, say
from tinylogbert_daemon.errors import DataError, TinyLogBertError

if TYPE_CHECKING:
    from tinylogbert_daemon.training.corpus import Corpus
    from tinylogbert_daemon.training.train import Progress, TrainOptions


def learn(
    options: TrainOptions,
    corpus: Corpus,
    checkpoint_dir: Path,
    *,
    counted: Corpus | None = None,
    reference: Sequence[str] | None = None,
    max_minutes: float | None = None,
    keep_counts: bool = True,
    resumable: bool = True,
) -> Path:
    """Train and export, showing progress; an interruption is saved. Returns the artifact's folder.

    ``counted`` is what the artifact counts (unless ``keep_counts`` is off), by default ``corpus``;
    ``reference`` is what it is calibrated on. After ``max_minutes`` training ends as it is. Without
    ``resumable``, the same command would not find what an interruption saved. Raises a
    :class:`TinyLogBertError` when interrupted, or where nothing can be written.
    """
    from tinylogbert_daemon.training.export import export
    from tinylogbert_daemon.training.train import train

    known = corpus if counted is None else counted
    limit = None if max_minutes is None else 60 * max_minutes
    try:
        with _stoppable(resumable=resumable) as report:
            network, tokenizer, summary = train(
                options, corpus, checkpoint_dir, report, max_seconds=limit
            )
        if report.bar.step < report.bar.steps:
            say(f"the time was over after step {report.bar.step} of {report.bar.steps}")
        return export(
            network,
            tokenizer,
            known,
            summary,
            checkpoint_dir,
            keep_counts=keep_counts,
            reference=reference,
            report=say,
        )
    except OSError as error:
        raise DataError(f"{checkpoint_dir}: cannot write here: {error.strerror}") from error


@contextmanager
def _stoppable(*, resumable: bool) -> Iterator[_Report]:
    """Show progress; turn the first SIGINT or SIGTERM into a stop between two steps."""
    from tinylogbert_daemon.training.train import StopTraining

    report = _Report(StopTraining())
    before = {}
    with suppress(ValueError):  # only the main thread may set handlers
        before = {
            number: signal.signal(number, report.stop) for number in (signal.SIGINT, signal.SIGTERM)
        }
    try:
        yield report
    except StopTraining as error:
        at = f"step {report.bar.step} of {report.bar.steps}"
        left = "it is saved, the same command goes on from there"
        raise TinyLogBertError(
            f"interrupted after {at}; {left if resumable else 'nothing has changed'}"
        ) from error
    finally:
        report.bar.close()
        for number, handler in before.items():
            signal.signal(number, handler)


class _Report:
    """Told of each step by the loop; ``order`` is what it raises when asked to stop."""

    def __init__(self, order: Exception) -> None:
        self.bar = StepProgress()
        self._order = order
        self._stopped = False

    def __call__(self, progress: Progress) -> None:
        self.bar(progress.step, progress.steps, progress.loss)
        if self._stopped:
            raise self._order

    def stop(self, number: int, _: FrameType | None) -> None:
        """Stop after the current step; the same signal again ends the process at once."""
        self._stopped = True
        signal.signal(number, signal.SIG_DFL)
