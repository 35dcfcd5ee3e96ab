"""``tinylogbert evaluate``: how well a model tells labelled anomalies, beside simple detectors."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tinylogbert_daemon.cli.console import output_file
from tinylogbert_daemon.cli.setup import add_model_arguments, load_setup, need_train_extra
from tinylogbert_daemon.errors import DataError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "--data-file",
        required=True,
        metavar="F",
        help='labelled JSONL, as `convert` writes it: {"log_text": …, "label": 0 or 1}',
    )
    parser.add_argument(
        "--output-dir", type=Path, metavar="D", help="write metrics.json and plots into it"
    )
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the table; write metrics and plots if asked to."""
    need_train_extra()
    from tinylogbert_daemon.training.corpus import labelled_lines
    from tinylogbert_daemon.training.evaluate import baselines, evaluate_scores, score_lines

    lines = labelled_lines(args.data_file)
    setup = load_setup(args.model, args.threshold, args.state)
    found = score_lines(setup.engine, lines)
    try:
        metrics = {"model": evaluate_scores(found.labels, found.scores)}
    except DataError as error:
        raise DataError(f"{args.data_file}: {error}") from error
    for name, scores in baselines(found).items():
        metrics[name] = evaluate_scores(found.labels, scores)
    for line in table(metrics):
        print(line)
    if args.output_dir is not None:
        _write(args.output_dir, setup.engine.model, metrics, found.labels, found.scores)
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
    yield f"the model's best F1 is at threshold {model['threshold']:.4f}"
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


def _write(
    folder: Path,
    model: str,
    metrics: dict[str, dict[str, Any]],
    labels: Sequence[int],
    scores: Sequence[float],
) -> None:
    from tinylogbert_daemon.training.plots import visualize_results

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder}: cannot make this folder: {error.strerror}") from error
    path = folder / "metrics.json"
    with output_file(path) as stream:
        content = {"artifact": model, "detectors": metrics}
        stream.write((json.dumps(content, indent=1) + "\n").encode())
    written = [path]
    if find_spec("matplotlib"):
        written += visualize_results(labels, scores, folder)
    else:
        print("no plots: matplotlib is not installed", file=sys.stderr)
    for file in written:
        print(f"wrote {file}", file=sys.stderr)
