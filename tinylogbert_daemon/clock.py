"""Time is injected, so that no test sleeps to be right."""

import time
from typing import Protocol


class Clock(Protocol):
    """What the stages ask of time."""

    def now(self) -> float:
        """Return seconds since the epoch."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""


class SystemClock:
    """The host's clock."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()


class ManualClock:
    """A clock that moves only when told to; tests and replays in log time use it."""

    def __init__(self, start: float = 0.0) -> None:
        self._time = start

    def now(self) -> float:
        """Return the time set last, in seconds since the epoch."""
        return self._time

    def monotonic(self) -> float:
        """Return the same as :meth:`now`: this clock never runs backwards."""
        return self._time

    def advance(self, seconds: float) -> None:
        """Move forward by ``seconds``."""
        if seconds < 0:
            raise ValueError("time does not run backwards")
        self._time += seconds
