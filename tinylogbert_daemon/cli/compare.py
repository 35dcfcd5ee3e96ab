"""``tinylogbert compare``: both models on the same labelled lines, as a report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinylogbert_daemon.cli.console import line_progress, make_folder
from tinylogbert_daemon.cli.evaluate import (
    DATA_HELP,
    add_wish_arguments,
    save_report,
    wish_of,
)
from tinylogbert_daemon.cli.setup import load_setup, need_train_extra, seed
from tinylogbert_daemon.errors import DataError, TinyLogBertError
from tinylogbert_daemon.escape import printable

if TYPE_CHECKING:
    from tinylogbert_daemon.training.threshold import Wish


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("--test-data", required=True, metavar="F", help=DATA_HELP)
    parser.add_argument(
        "--tiny-model-path", required=True, metavar="M", help="a TinyLogBERT artifact, or `base`"
    )
    parser.add_argument(
        "--distil-model-path", required=True, metavar="M", help="a LogBERT-Distil artifact"
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        default=Path("comparison"),
        metavar="D",
        help="where report.html, results.json and the plots go (default: %(default)s)",
    )
    add_wish_arguments(parser)
    parser.add_argument(
        "--seed",
        type=seed,
        default=0,
        metavar="N",
        help="of the texts that are timed and shown (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Compare, write the report, and print what it says in short."""
    need_plots()
    models = {"tinylogbert": args.tiny_model_path, "logbert_distil": args.distil_model_path}
    results, images = measure_models(
        args.test_data, models, wish_of(args), args.output_dir, args.seed
    )
    for path in write_report(results, images, args.output_dir):
        print(f"wrote {path}", file=sys.stderr)
    for line in told(results):
        print(line)
    return 0


def need_plots() -> None:
    """Raise one clear line if what the report is made with is not installed."""
    need_train_extra()
    if not find_spec("matplotlib"):
        raise TinyLogBertError("this command needs matplotlib: pip install 'tinylogbert[train]'")


def measure_models(
    test_data: str, models: Mapping[str, str], wish: Wish, folder: Path, seed: int
) -> tuple[dict[str, Any], dict[str, Path]]:
    """Score ``test_data`` with both ``models`` (by type); return results and the plots' files.

    Raises a :class:`TinyLogBertError` for a model of the wrong type, a file that cannot be measured
    on, or a folder that cannot be written.
    """
    from tinylogbert_daemon.training.compare import NAMES, check_type, compare
    from tinylogbert_daemon.training.corpus import labelled_lines
    from tinylogbert_daemon.training.embeddings import lay_out
    from tinylogbert_daemon.training.evaluate import evaluate_scores, score_lines
    from tinylogbert_daemon.training.panels import draw
    from tinylogbert_daemon.training.timing import warm_up

    lines = [line for line in labelled_lines(test_data) if line.label is not None]
    try:  # told before an hour's work, not after it
        evaluate_scores([line.label or 0 for line in lines], [0.0] * len(lines))
    except DataError as error:
        raise DataError(f"{test_data}: {error}") from error
    engines = {}
    for (name, model), option in zip(
        models.items(), ("--tiny-model-path", "--distil-model-path"), strict=True
    ):
        engines[name] = load_setup(model, pinned=False).engine
        check_type(engines[name].artifact, name, option)
    make_folder(folder)
    scored = {}
    for name, engine in engines.items():
        print(f"scoring {len(lines):,} lines with {NAMES[name]}", file=sys.stderr, flush=True)
        warm_up(engine)
        with line_progress(NAMES[name], len(lines)) as report:
            scored[name] = score_lines(engine, lines, report)
    print("timing, and laying out the embeddings", file=sys.stderr, flush=True)
    results = {
        "file": Path(test_data).name,
        "wish": asdict(wish),
        **compare(engines, lines, scored, wish, seed),
    }
    images = draw(scored, results, lay_out(scored, seed=seed), folder)
    return results, images


def write_report(
    results: Mapping[str, Any], images: Mapping[str, Path], folder: Path
) -> Sequence[Path]:
    """Write ``results.json`` and the page; return these and the plots."""
    from tinylogbert_daemon.training.report import comparison_page

    page = comparison_page(results, images)
    return [*save_report(page, results, folder), *images.values()]


def told(results: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the terminal shows: a table of both models, then the summary."""
    from tinylogbert_daemon.training.compare import NAMES

    yield (
        f"{'detector':<16}{'AP':>8}{'ROC-AUC':>9}{'best F1':>9}{'ms a text':>11}"
        f"{'lines/s cold':>14}{'warm':>12}"
    )
    for name, model in results["models"].items():
        found, timing = model["quality"], model["timing"]
        yield (
            f"{NAMES[name]:<16}{found['ap']:>8.4f}{found['auc']:>9.4f}{found['best_f1']:>9.4f}"
            f"{timing['median_ms']:>11.3g}{timing['cold_lines_per_s']:>14,.0f}"
            f"{timing['warm_lines_per_s']:>12,.0f}"
        )
    for name, found in results["baselines"].items():
        yield f"{name:<16}{found['ap']:>8.4f}{found['auc']:>9.4f}{found['best_f1']:>9.4f}"
    yield ""
    yield from map(printable, results["summary"])
