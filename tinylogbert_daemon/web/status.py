"""What a daemon says of itself: one shape for ``/api/status`` and for ``tinylogbert status``."""

from __future__ import annotations

from typing import Literal, NotRequired

# pydantic takes the standard library's TypedDict only from Python 3.12 on
from typing_extensions import TypedDict

from tinylogbert_daemon.state import Store
from tinylogbert_daemon.state.models import Ledger, Models, Shadow, empty_ledger


class SourceStatus(TypedDict):
    """How a source stands: committed records, log time and start of learning (epoch seconds)."""

    records: int
    log_time: float | None
    learning_since: float | None
    learning: bool


How = Literal["configured", "recognised", "none", "unread"]
"""Where the format of a path comes from; ``none``: none was recognised, so its dates are looked for
anywhere in a record, and the clock's time holds where there is none; ``unread``: nothing was read
since the start."""


class FileFormat(TypedDict):
    """The format of a path, None if there is none."""

    name: str | None
    how: How


class Status(TypedDict):
    """The whole status. ``files`` maps a path to its committed lines.

    ``formats`` maps the paths that are followed to their formats; older daemons do not say.
    ``model_trained`` is in seconds since the epoch. ``learning`` says what was made of the models
    that were trained on this host. Of a daemon that is not running, ``model``, ``model_trained``
    and ``uptime_seconds`` are None; ``state_dir`` is
    None where no state is kept (``serve``). ``deliveries_pending`` counts by sink,
    ``alerts_suppressed`` by reason, ever since the state was made.
    """

    daemon: Literal["running", "not running"]
    version: str
    model: str | None
    model_trained: float | None
    uptime_seconds: float | None
    state_dir: str | None
    files: dict[str, int]
    formats: NotRequired[dict[str, FileFormat]]
    sources: dict[str, SourceStatus]
    incidents_open: int
    deliveries_pending: dict[str, int]
    learning: Ledger
    alerts_suppressed: dict[str, int]


def empty_status(version: str) -> Status:
    """Return the status of a program that has neither state nor model."""
    return {
        "daemon": "not running",
        "version": version,
        "model": None,
        "model_trained": None,
        "uptime_seconds": None,
        "state_dir": None,
        "files": {},
        "formats": {},
        "sources": {},
        "incidents_open": 0,
        "deliveries_pending": {},
        "learning": empty_ledger(),
        "alerts_suppressed": {},
    }


def without_texts(status: Status) -> Status:
    """Return ``status`` for whoever may see no log text: without the texts of a comparison."""
    shadow = status["learning"]["shadow"]
    if shadow is None:
        return status
    bare: Shadow = {**shadow, "new_texts": [], "gone_texts": []}
    return {**status, "learning": {**status["learning"], "shadow": bare}}


def read_status(store: Store, version: str, learning_seconds: float) -> Status:
    """Return what ``store`` holds, as of a daemon that is not running.

    A source learns until its log time is ``learning_seconds`` past the start of learning. Raises
    :class:`StateError` if the database cannot be read.
    """
    return {
        **empty_status(version),
        "state_dir": str(store.path.parent.resolve()),
        "files": store.committed_lines(),
        "sources": {
            name: _source(records, since, log_time, learning_seconds)
            for name, (records, since, log_time) in store.sources().items()
        },
        "incidents_open": store.open_incidents(),
        "deliveries_pending": store.pending_counts(),
        "learning": Models(store.path.parent).ledger(),
        "alerts_suppressed": store.suppressed_totals(),
    }


def _source(
    records: int, since: float | None, log_time: float | None, learning_seconds: float
) -> SourceStatus:
    learned = 0.0 if since is None or log_time is None else log_time - since
    return {
        "records": records,
        "log_time": log_time,
        "learning_since": since,
        "learning": learned < learning_seconds,
    }
