"""``tinylogbert incidents``: list them, show one, follow what changes."""

from __future__ import annotations

import argparse
import json
import re
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinylogbert_daemon.errors import ServiceError, UnknownError
from tinylogbert_daemon.escape import printable

if TYPE_CHECKING:
    from tinylogbert_daemon.config import Config

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_LINE_CHARACTERS = 120


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_state_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--source", metavar="S", help="only of this source")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--open", action="store_true", default=None, help="only open ones")
    which.add_argument(
        "--closed", action="store_false", dest="open", default=None, help="only closed ones"
    )
    parser.add_argument(
        "--muted", action="store_true", default=None, help="only those that feedback mutes"
    )
    parser.add_argument(
        "--since",
        metavar="T",
        type=moment_of,
        help="only those seen since then: 2h, 3d, or a date as 2026-06-12T10:00",
    )
    parser.add_argument("--search", metavar="TEXT", default="", help="only those that hold TEXT")
    parser.add_argument("--limit", metavar="N", type=_limit, default=50, help="at most so many")
    parser.add_argument(
        "--follow", action="store_true", help="wait for what changes, until interrupted"
    )
    parser.add_argument("id", nargs="?", metavar="ID", help="show this one, with all it says")


def add_state_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options by which a daemon or its state is found."""
    parser.add_argument("-c", "--config", type=Path, metavar="CONFIG", help="configuration file")
    parser.add_argument(
        "--state-dir", type=Path, metavar="D", help="the daemon's state (default: state_dir)"
    )


def load_config(args: argparse.Namespace) -> Config:
    """Return the configuration, with the state directory of the command line."""
    from tinylogbert_daemon.config import load

    options = {} if args.state_dir is None else {"state_dir": str(args.state_dir)}
    return load(args.config, options=options)


def span(text: str) -> float:
    """Return the seconds of a time span such as ``90s``, ``2h`` or ``3d``."""
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)([smhd])", text)
    if found is None or float(found[1]) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 30m, 2h or 3d")
    return float(found[1]) * _UNITS[found[2]]


def moment_of(text: str) -> float:
    """Return epoch seconds of a date (UTC where it names no zone), or of so long ago."""
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        return datetime.now(UTC).timestamp() - span(text)
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def run(args: argparse.Namespace) -> int:
    """List, show or follow; raises :class:`TinyLogBertError` if nobody can be asked."""
    config = load_config(args)
    if args.id is not None:
        found = _show(config, args.id)
        print(json.dumps(found) if args.json else _described(found))
        return 0
    if args.follow:
        return _follow(config, as_json=args.json)
    for found in _list(config, args):
        print(json.dumps(found) if args.json else _row(found))
    return 0


def _show(config: Config, id_: str) -> Any:
    from urllib.parse import quote

    from tinylogbert_daemon.cli import client
    from tinylogbert_daemon.state.browse import one
    from tinylogbert_daemon.web.shown import shown

    daemon = client.running(config)
    if daemon is not None:
        return daemon.ask("GET", f"/api/incidents/{quote(id_, safe='')}")
    with client.store(config, read_only=True) as store:
        found = store.ask(partial(one, id_=id_))
    if found is None:
        raise UnknownError("no incident has that id")
    return shown(found)


def _list(config: Config, args: argparse.Namespace) -> list[Any]:
    from tinylogbert_daemon.cli import client
    from tinylogbert_daemon.state.browse import Filter, find
    from tinylogbert_daemon.web.shown import shown

    daemon = client.running(config)
    if daemon is not None:
        answer = daemon.ask(
            "GET",
            "/api/incidents",
            source=args.source,
            open=args.open,
            muted=args.muted,
            since=args.since,
            q=args.search or None,
            limit=args.limit,
        )
        found: list[Any] = answer["incidents"]
        return found
    wanted = Filter(args.source, args.open, args.muted, args.since, args.search)
    with client.store(config, read_only=True) as store:
        incidents, _ = store.ask(partial(find, filter_=wanted, limit=args.limit))
    return list(map(shown, incidents))


def _follow(config: Config, *, as_json: bool) -> int:
    from tinylogbert_daemon.cli import client

    daemon = client.running(config)
    if daemon is None:
        raise ServiceError("no daemon runs on this state; there is nothing to follow")
    for name, found in daemon.events("/api/incidents/stream"):
        if name == "lost":
            print(f"{found['count']} changes were dropped", file=sys.stderr)
        elif name == "incident":
            print(json.dumps(found) if as_json else _row(found), flush=True)
    return 0


def _row(found: Any) -> str:
    from tinylogbert_daemon.decide.alert import moment

    state = found["status"] if found["muted"] is None else f"{found['status']}, muted"
    head = f"{found['id']}  {moment(found['time'])}  {found['score']:.2f}  {state:13}"
    return f"{head} {printable(found['source'])}: {printable(found['log_text'], _LINE_CHARACTERS)}"


def _described(found: Any) -> str:
    from tinylogbert_daemon.decide.alert import describe, moment

    lines = [describe(found), f"  id      {found['id']}", f"  text    {printable(found['text'])}"]
    muted = found["muted"]
    if muted is not None:
        until = "undone" if muted["until"] is None else moment(muted["until"])
        who = printable(muted["author"]) or "somebody"
        lines.append(f"  muted   by {who} until {until}, feedback {muted['feedback']}")
    elif found["withheld"]:
        lines.append(f"  alert   not sent: {found['withheld']}")
    return "\n".join(lines)


def _limit(text: str) -> int:
    from tinylogbert_daemon.state.browse import LARGEST_PAGE

    if not text.isdecimal() or not 1 <= int(text[:9]) <= LARGEST_PAGE:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {LARGEST_PAGE}")
    return int(text)
