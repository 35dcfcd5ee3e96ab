"""What a sink is, and how it says that it could not deliver."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tinylogbert_daemon.escape import printable

BATCH = 100

LAST_DELAY_SECONDS = 60.0
"""A sink that is back is tried within this time, unless it asked to be left alone for longer."""

LAST_LOCAL_DELAY_SECONDS = 10.0
"""The same of what is on this host and costs nobody anything to try."""


class RefusedError(OSError):
    """The sink works but will not take this, however often it is tried.

    ``answer`` is more of what it said; it may repeat what it was sent, so no log is told of it.
    """

    answer: str = ""


class BusyError(OSError):
    """The sink asks to be left alone for ``seconds``."""

    seconds: float = 0.0


def why(error: OSError) -> str:
    """Return what is wrong in the system's words, which name neither a path nor a secret."""
    if error.errno and error.errno > 0 and not isinstance(error, socket.gaierror):
        return os.strerror(error.errno)
    return printable(error.strerror or str(error) or type(error).__name__, 200)


class Sink(Protocol):
    """One place that alerts go to; ``name`` is its key in state and metrics."""

    name: str

    async def deliver(self, bodies: Sequence[str]) -> str | None:
        """Deliver alerts, each one line of JSON; return what the sink said, if it says anything.

        Raises ``OSError`` if it could not: :class:`RefusedError` if trying again is of no use,
        :class:`BusyError` if it is to be tried again only later.
        """


def as_it_is(body: str) -> str:
    """Return an alert unchanged."""
    return body


@dataclass(frozen=True, slots=True)
class Outlet:
    """A sink as it is configured.

    ``content`` makes of an alert what the sink is told of it; ``where`` tells people its address
    without any secret. At most ``batch`` alerts are delivered at once; alerts are gathered for
    ``gather_seconds`` before; what is open is repeated every ``resend_seconds``, if that is not 0.
    One that fails is left alone for ``last_delay`` seconds at most.
    """

    sink: Sink
    where: str = ""
    content: Callable[[str], str] = as_it_is
    batch: int = BATCH
    gather_seconds: float = 0.0
    resend_seconds: float = 0.0
    last_delay: float = LAST_DELAY_SECONDS


@dataclass(frozen=True, slots=True)
class Patience:
    """When an alert is given up: after so many refusals, or so long after its first failed try.

    The list of what was given up holds ``dead_limit`` alerts; the oldest go.
    """

    refused_tries: int = 10
    give_up_seconds: float = 72 * 3600.0
    dead_limit: int = 1000
