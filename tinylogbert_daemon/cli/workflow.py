"""``tinylogbert workflow``: from a raw log to two trained models and a report on them."""

from __future__ import annotations

import argparse
import shutil
from contextlib import closing
from pathlib import Path

from tinylogbert_daemon.cli.compare import need_plots, told, write_report
from tinylogbert_daemon.cli.console import STDIO, make_folder, output_file, say
from tinylogbert_daemon.cli.convert import DEFAULT_RATIO
from tinylogbert_daemon.cli.evaluate import add_wish_arguments
from tinylogbert_daemon.cli.setup import SIZE_FORM, positive, seed, share, size
from tinylogbert_daemon.cli.steps import DISTIL_STEPS, TINY_STEPS, Steps
from tinylogbert_daemon.errors import DataError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "--raw-logs",
        required=True,
        metavar="F",
        help="a raw log (.gz, .xz, - too), or labelled JSONL, whose labels are then tested on "
        "instead of simulated anomalies",
    )
    parser.add_argument(
        "--epochs",
        type=positive,
        metavar="N",
        help=f"times that each distinct text is seen (default: 10, or as many as {TINY_STEPS:,} "
        "steps allow); LogBERT-Distil keeps within --distil-steps",
    )
    parser.add_argument(
        "--distil-steps",
        type=positive,
        default=DISTIL_STEPS,
        metavar="N",
        help="LogBERT-Distil's steps, each of which costs about ten of TinyLogBERT's "
        "(default: at most %(default)s)",
    )
    parser.add_argument(
        "--batch-size",
        type=positive,
        default=32,
        metavar="N",
        help="texts a step (default: %(default)s)",
    )
    parser.add_argument(
        "--sample-limit", type=positive, metavar="N", help="only the first N lines of the log"
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        default=Path("workflow"),
        metavar="D",
        help="where all goes; what is there already is used again (default: %(default)s)",
    )
    parser.add_argument(
        "--anomaly-ratio",
        type=share,
        default=DEFAULT_RATIO,
        metavar="R",
        help="share of the lines of a raw log to replace by simulated anomalies for the test "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--shared-texts",
        action="store_true",
        help="test on the last fifth of the lines, though their texts may have been learned from "
        "(default: on a fifth of the texts, none of which is learned from)",
    )
    parser.add_argument(
        "--tiny-size",
        type=size,
        metavar=SIZE_FORM,
        help="train a TinyLogBERT of this size from nothing (default: the base model goes on)",
    )
    parser.add_argument(
        "--distil-size",
        type=size,
        metavar=SIZE_FORM,
        help="LogBERT-Distil's size (default: DistilBERT's, 768,6,12,3072)",
    )
    parser.add_argument(
        "--seed",
        type=seed,
        default=0,
        metavar="N",
        help="of every random choice (default: %(default)s)",
    )
    add_wish_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Take the seven steps, each unless it is done already; print the summary and the report."""
    need_plots()
    from tinylogbert_daemon.source.lines import open_input
    from tinylogbert_daemon.training.workflow import Journal

    with closing(open_input(args.raw_logs)) as stream:  # a wrong name is told before all else
        make_folder(args.output_dir)
        if args.raw_logs == STDIO:
            args.raw_logs = str(args.output_dir / "stdin.log")
            with output_file(Path(args.raw_logs)) as copy:
                shutil.copyfileobj(stream, copy)
    try:
        results, images = Steps(args, Journal(args.output_dir, say)).take()
        written = write_report(results, images, args.output_dir)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"{args.output_dir}: cannot be written: {reason}") from error
    for path in written:
        say(f"wrote {path}")
    for line in told(results):
        print(line)
    return 0
