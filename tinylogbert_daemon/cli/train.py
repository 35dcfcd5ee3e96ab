"""``tinylogbert train``: a model from log files, without labels."""

from __future__ import annotations

import argparse
import math
import os
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from tinylogbert_daemon.cli.console import byte_progress, make_folder, say
from tinylogbert_daemon.cli.learn import learn
from tinylogbert_daemon.cli.setup import (
    SIZE_FORM,
    load_setup,
    need_train_extra,
    positive,
    seed,
    share,
    size,
)
from tinylogbert_daemon.errors import DataError

if TYPE_CHECKING:
    from tinylogbert_daemon.state.models import Models
    from tinylogbert_daemon.training.corpus import HeldOut

MODEL_TYPES = ("tinylogbert", "logbert_distil")
EPOCHS = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument(
        "--data-file",
        nargs="+",
        action="extend",
        metavar="F",
        help="raw logs (.gz, .xz, - too) or labelled JSONL, from whose labels nothing is learned",
    )
    data.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="a daemon's state directory: learn from what it has seen, starting from its model; it "
        "may run meanwhile, and takes the new model if that is no worse",
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
        metavar="N",
        help=f"times that each distinct text is seen (default: {EPOCHS}; with --state at most "
        "that, fewer where there are many texts)",
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
        metavar="D",
        help="where the artifact goes (default: checkpoints; with --state its models folder)",
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
        "--size",
        type=size,
        metavar=SIZE_FORM,
        help="of a network from nothing, with --init none (default: 256,4,4,1024, and "
        "768,6,12,3072 for logbert_distil)",
    )
    parser.add_argument(
        "--seed",
        type=seed,
        default=0,
        metavar="N",
        help="of every random choice (default: %(default)s)",
    )
    parser.add_argument(
        "--max-minutes",
        type=_minutes,
        metavar="N",
        help="end in good order after so long: the learning rate then falls with the time, and "
        "the model is what the steps until then have made (default: no limit)",
    )
    parser.add_argument(
        "--cpu-share",
        type=_processor_share,
        default=1.0,
        metavar="S",
        help="below 1: take this share of one processor core, at the lowest priority "
        "(default: %(default)s: all there is)",
    )


def run(args: argparse.Namespace) -> int:
    """Train, export, print the artifact's folder, and report on simulated anomalies."""
    need_train_extra()
    from tinylogbert_daemon.training.host import paced

    if args.size is not None and _init(args) != "none":
        raise DataError("--size is for a network from nothing; add --init none")

    with paced(args.cpu_share) if args.cpu_share < 1 else nullcontext():
        return _from_files(args) if args.state is None else _from_state(args)


def _init(args: argparse.Namespace) -> str:
    default = "none" if args.model_type == "logbert_distil" and args.state is None else "base"
    return args.init or default


def _from_files(args: argparse.Namespace) -> int:
    from tinylogbert_daemon.training.corpus import HeldOut, collect
    from tinylogbert_daemon.training.train import TrainOptions

    checkpoint_dir = args.checkpoint_dir or Path("checkpoints")
    make_folder(checkpoint_dir)
    held_out = HeldOut() if args.anomaly_ratio else None
    with byte_progress(args.data_file, "reading") as told:
        corpus = collect(args.data_file, args.sample_limit, held_out, told)
    say(f"{corpus.records:,} lines to learn from, {len(corpus.texts):,} distinct texts")
    options = TrainOptions(
        model_type=args.model_type,
        epochs=args.epochs or EPOCHS,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        init=_init(args),
        seed=args.seed,
        size=args.size,
    )
    folder = learn(options, corpus, checkpoint_dir, max_minutes=args.max_minutes)
    print(folder, flush=True)
    if held_out is not None:
        _report_quality(folder, held_out, args.anomaly_ratio, args.seed)
    return 0


def _from_state(args: argparse.Namespace) -> int:
    """Train on a daemon's state, which is only read, and leave the model for it to find."""
    from tinylogbert_daemon.model import artifact
    from tinylogbert_daemon.state.models import Models
    from tinylogbert_daemon.training.host import collect_state, host_epochs
    from tinylogbert_daemon.training.train import TrainOptions

    models = Models(args.state)
    corpus = collect_state(args.state)
    say(f"{len(corpus.texts):,} distinct texts to learn from")
    init = args.init or _model_in_use(models)
    options = TrainOptions(
        model_type=artifact.load(init).manifest.model_type,
        epochs=args.epochs or min(EPOCHS, host_epochs(len(corpus.texts), args.batch_size)),
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        init=init,
        seed=args.seed,
    )
    mask = os.umask(0o077)  # the daemon takes no model that others could have changed
    try:
        models.make()
        with models.locked():
            models.tidy()
            checkpoint_dir = args.checkpoint_dir or models.folder
            make_folder(checkpoint_dir)
            folder = learn(
                options,
                corpus,
                checkpoint_dir,
                max_minutes=args.max_minutes,
                keep_counts=False,  # the state has them
                resumable=False,
            )
            models.tidy()
    finally:
        os.umask(mask)
    print(folder, flush=True)
    return 0


def _model_in_use(models: Models) -> str:
    """Return the model that the daemon of a state uses, as far as state and configuration say."""
    from tinylogbert_daemon.config import load as load_config
    from tinylogbert_daemon.model import artifact

    configured = load_config().model.path
    accepted = models.accepted(artifact.find(configured).name)
    return str(models.folder / accepted) if accepted else configured


def _report_quality(folder: Path, held_out: HeldOut, ratio: float, seed: int) -> None:
    from tinylogbert_daemon.model.shape import record
    from tinylogbert_daemon.training.convert import mix
    from tinylogbert_daemon.training.evaluate import evaluate_scores

    lines = [content.decode("utf-8", "surrogateescape") for content in held_out.records]
    mixed, labels = mix([line for line in lines if line.strip()], ratio, seed)
    if not 0 < sum(labels) < len(labels):
        say(f"{len(labels)} lines kept from learning: too few to report on")
        return
    engine = load_setup(str(folder), pinned=False).engine
    verdicts = engine.verdicts(b"".join(record(line) + b"\n" for line in mixed))
    found = evaluate_scores(labels, [engine.decide(verdict).score for verdict in verdicts])
    say(
        f"simulated anomalies, {found['anomalies']:,} in {found['lines']:,} lines kept from "
        f"learning: ROC-AUC {found['auc']:.3f}, average precision {found['ap']:.3f}, best F1 "
        f"{found['best_f1']:.3f} at threshold {found['threshold']:.3g}"
    )


def _rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0 and below 1")
    return value


def _minutes(text: str) -> float:
    return _number(text, math.inf)


def _processor_share(text: str) -> float:
    return _number(text, 1.0)


def _number(text: str, most: float) -> float:
    """Return a number above 0, at most ``most`` and finite."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value <= most or math.isinf(value):
        limit = f" and at most {most:g}" if math.isfinite(most) else ""
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0{limit}")
    return value
