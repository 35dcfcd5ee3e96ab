"""``tinylogbert status``: ask the running daemon, or look into its state directory."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tinylogbert_daemon import __version__
from tinylogbert_daemon.escape import printable

if TYPE_CHECKING:
    from tinylogbert_daemon.config import Config
    from tinylogbert_daemon.state.models import Ledger
    from tinylogbert_daemon.web.status import FileFormat, SourceStatus, Status

ASK_SECONDS = 2.0
_ANSWER_BYTES = 16 * 1024 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("-c", "--config", type=Path, metavar="CONFIG", help="configuration file")
    parser.add_argument(
        "--state-dir", type=Path, metavar="D", help="the daemon's state (default: state_dir)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print the status; raises :class:`StateError` if there is neither daemon nor state."""
    from tinylogbert_daemon.config import load
    from tinylogbert_daemon.state import Store
    from tinylogbert_daemon.web.status import read_status

    options = {} if args.state_dir is None else {"state_dir": str(args.state_dir)}
    config = load(args.config, options=options)
    status = _ask_socket(config) or (_ask(config) if config.http.enabled else None)
    if status is None or not _is_ours(status, config.state_path, named=args.state_dir is not None):
        store = Store(config.state_path, read_only=True)
        try:
            status = read_status(store, __version__, config.decision.learning_hours * 3600)
        finally:
            store.close()
    print(json.dumps(status, indent=2) if args.json else describe(status))
    return 0


def _ask_socket(config: Config) -> Status | None:
    """Return what the daemon on the configured state says over its Unix socket, if it does."""
    from tinylogbert_daemon.cli import client
    from tinylogbert_daemon.errors import ServiceError

    try:
        daemon = client.running(config)
        found: Status | None = None if daemon is None else daemon.ask("GET", "/api/status")
    except (ServiceError, ValueError):
        return None
    return found


def _ask(config: Config) -> Status | None:
    """Return what the program at the configured address says; None if that is no daemon of ours."""
    from pydantic import TypeAdapter, ValidationError

    from tinylogbert_daemon.web.status import Status

    address = f"{config.http.host}:{config.http.port}"
    connection = http.client.HTTPConnection(config.http.host, config.http.port, timeout=ASK_SECONDS)
    try:
        connection.request("GET", "/api/status")
        response = connection.getresponse()
        content = response.read(_ANSWER_BYTES)
    except ConnectionRefusedError:
        return None
    except (OSError, http.client.HTTPException) as error:
        reason = str(error) or type(error).__name__
        print(
            f"{address}: no answer ({printable(reason, 200)}); the state is read instead",
            file=sys.stderr,
        )
        return None
    finally:
        connection.close()
    try:
        if response.status == http.HTTPStatus.OK:
            return TypeAdapter(Status).validate_json(content)
    except ValidationError:
        pass
    print(f"{address}: another program answers there; the state is read instead", file=sys.stderr)
    return None


def _is_ours(status: Status, state_dir: Path, *, named: bool) -> bool:
    """Return whether an answer is about ``state_dir``: several daemons may run on one host.

    ``serve`` has no state; it answers for the configured directory, but not for a ``named`` one.
    """
    answered = status["state_dir"]
    if answered is None:
        return not named
    return os.path.realpath(answered) == os.path.realpath(state_dir)


def describe(status: Status) -> str:
    """Return ``status`` for people; what comes from file names is made harmless."""
    running: str = status["daemon"]
    if status["uptime_seconds"] is not None:
        running += f" for {timedelta(seconds=int(status['uptime_seconds']))}"
    pending = ", ".join(f"{sink} {n:,}" for sink, n in sorted(status["deliveries_pending"].items()))
    suppressed = ", ".join(
        f"{reason} {n:,}" for reason, n in sorted(status["alerts_suppressed"].items())
    )
    lines = [
        f"daemon      {running}, version {status['version']}",
        f"model       {_model(status)}",
        f"state       {status['state_dir'] or '-'}",
        f"incidents   {status['incidents_open']:,} open",
        f"deliveries  {pending or 'none'} pending",
        f"suppressed  {suppressed or 'none'}",
    ]
    lines += _learning(status["learning"])
    for name, source in sorted(status["sources"].items()):
        lines.append(f"source      {name}: {_source(source)}")
    for path, count in sorted(status["files"].items()):
        found = status.get("formats", {}).get(path)
        lines.append(f"file        {path}: {count:,} lines{_format(found)}")
    return "\n".join(map(printable, lines))


def _model(status: Status) -> str:
    model = status["model"] or status["learning"]["accepted"] or "-"
    if status["model_trained"] is None:
        return model
    return f"{model}, trained {_time(status['model_trained'])}"


def _learning(ledger: Ledger) -> list[str]:
    """Return what was learned on this host: the last training run and the last comparison."""
    lines = []
    retrained, shadow = ledger["retrained"], ledger["shadow"]
    if retrained is not None:
        how = f"failed: {retrained['reason']}" if retrained["reason"] else "done"
        lines.append(
            f"retrained   {_time(retrained['at'])}, {how}, took {retrained['seconds']:.0f} s"
        )
    if shadow is not None:
        how = f"refused: {shadow['reason']}" if shadow["reason"] else "taken"
        lines.append(
            f"compared    {_time(shadow['at'])}, {shadow['model']} with {shadow['before']} on "
            f"{shadow['texts']:,} texts, {how}; agree on {shadow['agreement']:.1%}, "
            f"{shadow['new_alerts']:,} would alert now, {shadow['gone_alerts']:,} not any more"
        )
    return lines


def _source(source: SourceStatus) -> str:
    state = "learning" if source["learning"] else "watching"
    return f"{source['records']:,} records, {state}, log time {_time(source['log_time'])}"


def _format(found: FileFormat | None) -> str:
    """Return a path's format as an addition to its line."""
    if found is None or found["how"] == "unread":
        return ""
    if found["how"] == "none":
        return ", no format recognised"
    return f", {found['name']}{' as configured' if found['how'] == 'configured' else ''}"


def _time(seconds: float | None) -> str:
    """Return epoch seconds in UTC; log lines can hold dates that no calendar has."""
    if seconds is None:
        return "-"
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return "-"
