"""What the one-shot commands share: the engine on a model, option types."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tinylogbert_daemon.errors import TinyLogBertError

if TYPE_CHECKING:
    from tinylogbert_daemon.clock import ManualClock
    from tinylogbert_daemon.config import Config
    from tinylogbert_daemon.decide.engine import Engine
    from tinylogbert_daemon.decide.score import Decider
    from tinylogbert_daemon.model.artifact import Artifact
    from tinylogbert_daemon.training.size import Size

SIZE_FORM = "WIDTH,LAYERS,HEADS,INNER"

_HOUR = 3600.0
_SEEDS = 1 << 32


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


def seed(text: str) -> int:
    """Return an option's seed, in the range that every library takes."""
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value < _SEEDS:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 to {_SEEDS - 1}")
    return value


def size(text: str) -> Size:
    """Return an option's size of a network."""
    from tinylogbert_daemon.training.size import Size

    try:
        width, layers, heads, inner = map(positive, text.split(","))
    except (ValueError, argparse.ArgumentTypeError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not {SIZE_FORM}, such as 256,4,4,1024"
        ) from None
    if width % heads:
        raise argparse.ArgumentTypeError(f"{text!r}: the width must be a multiple of the heads")
    return Size(width, layers, heads, inner)


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
    """An engine, the decider inside it and the clock that it reads log time from.

    ``learning_seconds`` is how long, in log time, a log that is new to the daemon is learned.
    """

    def __init__(
        self, engine: Engine, decider: Decider, clock: ManualClock, learning_seconds: float
    ) -> None:
        self.engine = engine
        self.decider = decider
        self.clock = clock
        self.learning_seconds = learning_seconds


def load_artifact(model: str | None) -> Artifact:
    """Return the artifact ``model``, or the configured one; raises a :class:`TinyLogBertError`."""
    from tinylogbert_daemon.config.load import load as load_config
    from tinylogbert_daemon.model.artifact import load

    configured = load_config().model
    return load(model or configured.path, configured.sha256)


def load_setup(
    model: str | None = None,
    threshold: float | None = None,
    state: Path | None = None,
    *,
    config: Config | None = None,
    pinned: bool = True,
    observe: Callable[[float], None] = lambda _: None,
) -> Setup:
    """Return the engine on the artifact ``model``, its calibration, and ``state`` if given.

    What is not given is as configured. Where not ``pinned``, ``model`` need not be the one that the
    configuration pins: it was made here just now, or is to be compared. ``observe`` is told the
    seconds of each model call. Raises a :class:`TinyLogBertError` for a wrong model, configuration
    or state.
    """
    from tinylogbert_daemon.clock import ManualClock
    from tinylogbert_daemon.config import load as load_config
    from tinylogbert_daemon.decide.engine import Engine
    from tinylogbert_daemon.decide.score import Decider
    from tinylogbert_daemon.model.artifact import load
    from tinylogbert_daemon.model.scorer import Scorer
    from tinylogbert_daemon.state import Store
    from tinylogbert_daemon.state.samples import remember

    config = config or load_config()
    artifact = load(model or config.model.path, config.model.sha256 if pinned else "")
    decider = Decider.of(
        artifact,
        config.decision.threshold if threshold is None else threshold,
        config.decision.half_life_hours * _HOUR,
        counted_at=float(artifact.manifest.training.get("timestamp", 0)),
        alert_budget=config.decision.alert_budget,
    )
    clock = ManualClock()
    if state is not None:
        store = Store(state, read_only=True)
        rows = store.counts()
        decider.counts.load(rows, store.sketch())
        remember(decider, store)
        decider.restore(store.reference(artifact.name) or b"")
        store.close()
        # as if the lines came right after the last one that the daemon saw
        clock.advance(max((updated for _, _, updated in rows), default=0.0))
    scorer = Scorer(artifact, config.model.threads, observe, config.model.precision)
    learning = 0.0 if state is not None else config.decision.learning_hours * _HOUR
    return Setup(Engine(scorer, decider, clock.now), decider, clock, learning)


def need_train_extra() -> None:
    """Raise one clear line if the libraries of the train extra are not installed."""
    from importlib.util import find_spec

    missing = [name for name in ("transformers", "sklearn", "safetensors") if not find_spec(name)]
    if missing:
        raise TinyLogBertError(
            f"this command needs {', '.join(missing)}: pip install 'tinylogbert[train]'"
        )
