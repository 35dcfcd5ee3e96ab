"""Training on what a daemon has seen on its host, and pacing that leaves the host to its work."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from tinylogbert_daemon.errors import DataError
from tinylogbert_daemon.state.samples import RECENT_SECONDS, seen
from tinylogbert_daemon.training.corpus import Corpus

HOST_TEXTS = 30_000
HOST_STEPS = 1000
"""About a quarter of an hour of one core with the base model."""

LEAST_TEXTS = 10
_HALF_LIFE = RECENT_SECONDS  # what came once a week ago weighs half of what came once today
_MOST_EPOCHS = 10
_SLICE_SECONDS = 0.05


def collect_state(directory: Path) -> Corpus:
    """Return the texts of a daemon's state with their decayed counts, the heaviest first.

    Texts of recent incidents are left out: a model must not learn to expect them. Raises
    :class:`StateError` if the state cannot be read, and :class:`DataError` if it holds too little.
    """
    found = seen(directory, HOST_TEXTS, _HALF_LIFE)
    incidents = {one.text for one in found.incidents}
    counts = {text: count for text, count in found.counts.items() if text not in incidents}
    if len(counts) < LEAST_TEXTS:
        raise DataError(
            f"{directory}: the daemon has seen {len(counts)} texts so far, {LEAST_TEXTS} are "
            "needed; let it run on"
        )
    return Corpus(counts, sum(counts.values()))


def host_epochs(texts: int, batch_size: int) -> int:
    """Return how often to see each of ``texts``, so that it takes about ``HOST_STEPS`` at most."""
    return max(1, min(_MOST_EPOCHS, HOST_STEPS * batch_size // max(1, texts)))


@contextmanager
def paced(share: float) -> Iterator[None]:
    """Hold this process to a ``share`` of one core, at the lowest priority.

    After each slice of processor time, all threads together, the main thread sleeps until the share
    is kept again: whatever it does, not only between two steps. For the main thread.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, 19)
    last = time.process_time(), time.monotonic()

    def rest(_: int, __: FrameType | None) -> None:
        nonlocal last
        used, passed = time.process_time() - last[0], time.monotonic() - last[1]
        time.sleep(max(0.0, used / share - passed))
        last = time.process_time(), time.monotonic()

    before = signal.signal(signal.SIGPROF, rest)
    signal.siginterrupt(signal.SIGPROF, False)
    signal.setitimer(signal.ITIMER_PROF, _SLICE_SECONDS, _SLICE_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)
