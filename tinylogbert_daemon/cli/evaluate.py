"""``tinylogbert evaluate``: how well a model tells labelled anomalies, beside simple detectors."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinylogbert_daemon.cli.console import line_progress, make_folder, output_file
from tinylogbert_daemon.cli.setup import (
    add_model_arguments,
    load_setup,
    need_train_extra,
    positive,
    share,
)
from tinylogbert_daemon.errors import DataError

if TYPE_CHECKING:
    from tinylogbert_daemon.training.evaluate import Scored
    from tinylogbert_daemon.training.threshold import Wish

REPORT_FILE = "report.html"
RESULTS_FILE = "results.json"
DATA_HELP = 'labelled JSONL, as `convert` writes it: {"log_text": …, "label": 0 or 1}'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("--data-file", required=True, metavar="F", help=DATA_HELP)
    parser.add_argument(
        "--output-dir",
        type=Path,
        metavar="D",
        help="write report.html, results.json and plots into it",
    )
    add_wish_arguments(parser)
    add_model_arguments(parser)


def add_wish_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what thresholds are looked for."""
    parser.add_argument(
        "--budget",
        type=positive,
        metavar="N",
        help="find the threshold for N incidents, and for N flagged lines, a day of log time "
        "(per 100,000 lines where there are no dates; default: the configured alert budget)",
    )
    parser.add_argument(
        "--precision",
        type=share,
        default=0.9,
        metavar="P",
        help="find the threshold for a precision of at least P (default: %(default)s)",
    )


def wish_of(args: argparse.Namespace) -> Wish:
    """Return the thresholds that were asked for; what was not is as configured."""
    from tinylogbert_daemon.config import load
    from tinylogbert_daemon.training.threshold import Wish

    decision = load().decision
    given = getattr(args, "threshold", None)
    return Wish(
        decision.threshold if given is None else given,
        args.budget or decision.alert_budget,
        args.precision,
        decision.quiet_seconds,
    )


def run(args: argparse.Namespace) -> int:
    """Print the table; write the report, its figures and plots if asked to."""
    need_train_extra()
    from tinylogbert_daemon.training.corpus import labelled_lines
    from tinylogbert_daemon.training.evaluate import baselines, evaluate_scores, score_lines
    from tinylogbert_daemon.training.threshold import operating_points, point_names

    lines = labelled_lines(args.data_file)
    wish = wish_of(args)
    setup = load_setup(args.model, args.threshold, args.state)
    if args.output_dir is not None:
        make_folder(args.output_dir)
    with line_progress("scoring") as told:
        found = score_lines(setup.engine, lines, told)
    try:
        metrics = {"model": evaluate_scores(found.labels, found.scores)}
    except DataError as error:
        raise DataError(f"{args.data_file}: {error}") from error
    for name, scores in baselines(found).items():
        metrics[name] = evaluate_scores(found.labels, scores)
    best = operating_points(found.labels, found.scores, found.texts, found.times, wish)
    for line in table(metrics):
        print(line)
    for line in points_table(best["points"], point_names(wish, best["days"])):
        print(line)
    if args.output_dir is not None:
        content = {
            "file": Path(args.data_file).name,
            "lines": len(found.labels),
            "anomalies": sum(found.labels),
            "texts": len(found.verdicts),
            "artifact": setup.engine.model,
            "detectors": metrics,
            "operating": best,
        }
        _write(args.output_dir, content, found)
    return 0


def table(metrics: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of the report: ``metrics`` by detector, the model's first."""
    model = metrics["model"]
    yield f"{model['lines']:,} lines, {model['anomalies']:,} of them anomalies"
    yield ""
    yield f"{'detector':<14}{'ROC-AUC':>9}{'AP':>8}{'best F1':>9}{'precision':>11}{'recall':>8}"
    for name, found in metrics.items():
        yield (
            f"{name:<14}{found['auc']:>9.4f}{found['ap']:>8.4f}{found['best_f1']:>9.4f}"
            f"{found['precision']:>11.4f}{found['recall']:>8.4f}"
        )
    yield ""
    yield (
        f"{'threshold':>9}{'precision':>11}{'recall':>8}{'F1':>8}"
        f"{'true':>9}{'false':>9}{'missed':>9}"
    )
    for at in model["thresholds"]:
        yield (
            f"{at['threshold']:>9.1f}{at['precision']:>11.4f}{at['recall']:>8.4f}{at['f1']:>8.4f}"
            f"{at['true_positives']:>9,}{at['false_positives']:>9,}{at['false_negatives']:>9,}"
        )


def points_table(points: dict[str, Any], words: dict[str, str]) -> Iterator[str]:
    """Yield the lines of a table of thresholds: what each was chosen for and what it gives."""
    width = max(map(len, words.values()))
    yield ""
    yield (
        f"{'chosen for':<{width}}{'threshold':>11}{'precision':>11}{'recall':>8}{'F1':>8}"
        f"{'lines':>9}{'incidents':>11}"
    )
    for name, point in points.items():
        if point is None:
            yield f"{words[name]:<{width}}  no threshold gives this"
            continue
        yield (
            f"{words[name]:<{width}}{point['threshold']:>11.4g}{point['precision']:>11.4f}"
            f"{point['recall']:>8.4f}{point['f1']:>8.4f}{point['flagged']:>9,}"
            f"{point['incidents']:>11,}"
        )


def write_json(path: Path, content: Any) -> Path:
    """Write ``content`` for people and programs to read; returns the file."""
    with output_file(path) as stream:
        stream.write((json.dumps(content, indent=1) + "\n").encode())
    return path


def _write(folder: Path, results: dict[str, Any], found: Scored) -> None:
    from tinylogbert_daemon.training.plots import visualize_results
    from tinylogbert_daemon.training.report import evaluation_page

    plots = []
    if find_spec("matplotlib"):
        plots = visualize_results(found.labels, found.scores, folder)
    else:
        print("no plots: matplotlib is not installed", file=sys.stderr)
    page = evaluation_page(results, {plot.stem: plot for plot in plots})
    for file in (*save_report(page, results, folder), *plots):
        print(f"wrote {file}", file=sys.stderr)


def save_report(page: str, results: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write a report and the figures that it was made of; return the files."""
    report = folder / REPORT_FILE
    with output_file(report) as stream:
        stream.write(page.encode())
    return [report, write_json(folder / RESULTS_FILE, results)]
