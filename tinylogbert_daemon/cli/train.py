"""``tinylogbert train``: a model from log files, without labels."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from tinylogbert_daemon.cli.console import StepProgress, byte_progress
from tinylogbert_daemon.cli.setup import load_setup, need_train_extra, positive, share
from tinylogbert_daemon.errors import DataError, TinyLogBertError

if TYPE_CHECKING:
    from tinylogbert_daemon.training.corpus import HeldOut
    from tinylogbert_daemon.training.train import Progress

MODEL_TYPES = ("tinylogbert", "logbert_distil")
_SEEDS = 1 << 32


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "--data-file",
        required=True,
        nargs="+",
        action="extend",
        metavar="F",
        help="raw logs (.gz, .xz, - too) or labelled JSONL, from whose labels nothing is learned",
    )
    parser.add_argument(
        "--model-type",
        choices=MODEL_TYPES,
        default="tinylogbert",
        help="BERT-mini or DistilBERT (default: %(default)s)",
    )
    parser.add_argument(
        "--sample-limit", type=positive, metavar="N", help="only the first N lines of each file"
    )
    parser.add_argument(
        "--batch-size",
        type=positive,
        default=32,
        metavar="N",
        help="texts a step (default: %(default)s)",
    )
    parser.add_argument(
        "--epochs",
        type=positive,
        default=10,
        metavar="N",
        help="times that each distinct text is seen (default: %(default)s)",
    )
    parser.add_argument(
        "--learning-rate",
        type=_rate,
        default=3e-4,
        metavar="X",
        help="peak of the rate (default: %(default)s)",
    )
    parser.add_argument(
        "--checkpoint-dir",
        type=Path,
        default=Path("checkpoints"),
        metavar="D",
        help="where the artifact goes (default: %(default)s)",
    )
    parser.add_argument(
        "--anomaly-ratio",
        type=share,
        default=0.05,
        metavar="R",
        help="keep every tenth line of raw logs from learning, corrupt this share of them and "
        "report how well they are told apart; 0 learns from all (default: %(default)s)",
    )
    parser.add_argument(
        "--init",
        metavar="base|none|NAME|DIR",
        help="start from the base model, from nothing, from an artifact, or from a folder or hub "
        "name of pretrained transformers weights (default: base; none for logbert_distil)",
    )
    parser.add_argument(
        "--seed",
        type=_seed,
        default=0,
        metavar="N",
        help="of every random choice (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Train, export, print the artifact's folder, and report on simulated anomalies."""
    need_train_extra()
    from tinylogbert_daemon.training.corpus import HeldOut, collect
    from tinylogbert_daemon.training.export import export
    from tinylogbert_daemon.training.train import TrainOptions, train

    _make_folder(args.checkpoint_dir)
    held_out = HeldOut() if args.anomaly_ratio else None
    with byte_progress(args.data_file, "reading") as told:
        corpus = collect(args.data_file, args.sample_limit, held_out, told)
    _say(f"{corpus.records:,} lines to learn from, {len(corpus.texts):,} distinct texts")
    options = TrainOptions(
        model_type=args.model_type,
        epochs=args.epochs,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        init=args.init or ("base" if args.model_type == "tinylogbert" else "none"),
        seed=args.seed,
    )
    try:
        with _stoppable() as report:
            network, tokenizer, summary = train(options, corpus, args.checkpoint_dir, report)
        folder = export(network, tokenizer, corpus, summary, args.checkpoint_dir, report=_say)
    except OSError as error:
        raise DataError(f"{args.checkpoint_dir}: cannot write here: {error.strerror}") from error
    print(folder, flush=True)
    if held_out is not None:
        _report_quality(folder, held_out, args.anomaly_ratio, args.seed)
    return 0


@contextmanager
def _stoppable() -> Iterator[_Report]:
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
        raise TinyLogBertError(
            f"interrupted after {at}; it is saved, the same command goes on from there"
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


def _report_quality(folder: Path, held_out: HeldOut, ratio: float, seed: int) -> None:
    from tinylogbert_daemon.model.shape import record
    from tinylogbert_daemon.training.convert import mix
    from tinylogbert_daemon.training.evaluate import evaluate_scores

    lines = [content.decode("utf-8", "surrogateescape") for content in held_out.records]
    mixed, labels = mix([line for line in lines if line.strip()], ratio, seed)
    if not 0 < sum(labels) < len(labels):
        _say(f"{len(labels)} lines kept from learning: too few to report on")
        return
    engine = load_setup(str(folder)).engine
    verdicts = engine.verdicts(b"".join(record(line) + b"\n" for line in mixed))
    found = evaluate_scores(labels, [engine.decide(verdict).score for verdict in verdicts])
    _say(
        f"simulated anomalies, {found['anomalies']:,} in {found['lines']:,} lines kept from "
        f"learning: ROC-AUC {found['auc']:.3f}, average precision {found['ap']:.3f}, best F1 "
        f"{found['best_f1']:.3f} at threshold {found['threshold']:.3f}"
    )


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise DataError(f"{path}: cannot write into this folder: {error.strerror}") from error


def _rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0 and below 1")
    return value


def _seed(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value < _SEEDS:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 to {_SEEDS - 1}")
    return value


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
