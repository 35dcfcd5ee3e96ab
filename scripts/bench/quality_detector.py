"""Our side of the comparison: a model with its verdicts cached, and its decisions after a history.

Whatever changes in :mod:`tinylogbert_daemon.decide` is adapted to in :class:`Detector` alone.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from common import ROOT, say

from tinylogbert_daemon.config.schema import Decision, Precision
from tinylogbert_daemon.decide.score import Decider
from tinylogbert_daemon.errors import ArtifactError
from tinylogbert_daemon.model.artifact import Artifact, load
from tinylogbert_daemon.model.scorer import Scorer, Verdict
from tinylogbert_daemon.model.shape import shapes
from tinylogbert_daemon.model.verdicts import VerdictCache
from tinylogbert_daemon.source.logtime import pieces

THRESHOLD = Decision().threshold
"""The operating point: a line is an anomaly from this score on."""

_CLOCK = time.time()
_TEXTS = 1_000_000  # nothing is let go within a run


def artifact_of(name: str | None) -> Artifact:
    """Return an artifact, ``name`` as for ``--model``; exit if it can't be used."""
    try:
        return load(name)
    except ArtifactError as error:
        sys.exit(str(error))


class Model:
    """An artifact whose verdicts are computed once in a run; ``name`` is as for ``--model``."""

    def __init__(self, name: str | None, threads: int = 1, precision: Precision = "auto") -> None:
        self.artifact = artifact_of(name)
        self.precision = precision
        self.scorer = Scorer(self.artifact, threads, precision=precision)
        self.cache = VerdictCache(_TEXTS, _TEXTS)

    def verdicts(self, records: Sequence[bytes]) -> list[Verdict]:
        """Return the verdict of each record."""
        if not records:
            return []
        return self.cache.verdicts(shapes(b"\n".join(records) + b"\n"), self.scorer.score)


class Detector:
    """Decisions as the product takes them on a host that has seen ``history``, and then frozen."""

    def __init__(self, model: Model, history: Sequence[bytes] = ()) -> None:
        half_life = Decision().half_life_hours * 3600
        started = float(model.artifact.manifest.training.get("timestamp", 0))
        self._decider = Decider.of(model.artifact, THRESHOLD, half_life, counted_at=started)
        self._now = started
        verdicts = model.verdicts(history)
        for piece, moment in pieces(history, 0.0, _CLOCK):
            self._now = moment
            self._decider.learn(set(verdicts[piece]), moment)

    def score(self, verdicts: Sequence[Verdict]) -> list[float]:
        """Return the score of a record with each of ``verdicts``; each text is decided once."""
        known = {
            verdict: self._decider.decide(verdict, self._now).score for verdict in set(verdicts)
        }
        return [known[verdict] for verdict in verdicts]


def train_on(
    history: Sequence[bytes], init: str | None, seed: int, folder: Path
) -> tuple[str, float]:
    """Train from ``init`` on ``history`` as a user would; return the artifact and the seconds.

    An artifact that an earlier call left in ``folder`` for the same seed is used again.
    """
    checkpoints = folder / f"seed-{seed}"
    done = checkpoints / "seconds"
    if not done.exists():
        checkpoints.mkdir(parents=True, exist_ok=True)
        log = checkpoints / "history.log"
        log.write_bytes(b"\n".join(history) + b"\n")
        command = [sys.executable, "-W", "ignore", "-m", "tinylogbert_daemon", "train"]
        command += ["--data-file", str(log), "--checkpoint-dir", str(checkpoints)]
        command += ["--init", init or "base", "--seed", str(seed)]
        started = time.perf_counter()
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if ended.returncode:
            say(ended.stderr)
            sys.exit(f"training on the history failed (seed {seed})")
        done.write_text(f"{time.perf_counter() - started:.1f}")
    return str(checkpoints / "tinylogbert"), float(done.read_text())
