"""Times by a clock that the test moves, and on a real model."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import log_lines
from tinylogbert_daemon.cli.setup import load_setup
from tinylogbert_daemon.training.corpus import LabelledLine
from tinylogbert_daemon.training.evaluate import score_lines
from tinylogbert_daemon.training.timing import SECONDS_LIMIT, TEXTS_LIMIT, measure, warm_up

LINES = [LabelledLine(line, 0, None) for line in log_lines(60, seed=8)]


class Clock:
    """Each call is ``seconds`` later than the one before."""

    def __init__(self, seconds: float) -> None:
        self.now = 0.0
        self._seconds = seconds

    def __call__(self) -> float:
        self.now += self._seconds
        return self.now


def test_times_of_a_real_model(model_folder: Path) -> None:
    engine = load_setup(str(model_folder)).engine
    warm_up(engine)
    found = score_lines(engine, LINES)
    timing = measure(engine, LINES, found)
    assert 0 < timing.median_ms <= timing.p95_ms
    assert timing.texts == min(TEXTS_LIMIT, len(found.verdicts))
    assert timing.warm_lines_per_s > timing.cold_lines_per_s > 0


def test_milliseconds_are_those_of_the_clock_and_bounded(model_folder: Path) -> None:
    engine = load_setup(str(model_folder)).engine
    found = score_lines(engine, LINES)
    found.seconds = 2.0
    timing = measure(engine, LINES, found, clock=Clock(0.25))
    assert timing.median_ms == timing.p95_ms == 250.0
    assert timing.cold_lines_per_s == 30.0
    # with the look at the clock before it, a text takes two ticks
    assert timing.texts == min(len(found.verdicts), int(SECONDS_LIMIT / 0.5) + 1)
