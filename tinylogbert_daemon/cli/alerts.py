"""``tinylogbert alerts``: try the sinks, look at what was given up, and owe it again."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tinylogbert_daemon.errors import ConfigError
from tinylogbert_daemon.escape import printable

if TYPE_CHECKING:
    from tinylogbert_daemon.config import Config
    from tinylogbert_daemon.sinks.sink import Outlet
    from tinylogbert_daemon.state.letters import Letter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions of the command with their options."""
    actions = parser.add_subparsers(title="actions", dest="action", metavar="ACTION", required=True)
    test = actions.add_parser("test", help="send one test alert through each sink")
    dead = actions.add_parser("dead", help="list the alerts that were given up")
    retry = actions.add_parser("retry", help="put alerts that were given up back")
    for action in (test, dead, retry):
        action.add_argument(
            "-c", "--config", type=Path, metavar="CONFIG", help="configuration file"
        )
        action.add_argument("--sink", metavar="NAME", help="only this sink")
    for action in (dead, retry):
        action.add_argument(
            "--state-dir", type=Path, metavar="D", help="the daemon's state (default: state_dir)"
        )
    dead.add_argument("--json", action="store_true", help="print one JSON object a line")
    retry.add_argument("ids", nargs="*", metavar="ID", help="only these incidents (default: all)")


def run(args: argparse.Namespace) -> int:
    """Do what is asked; raises :class:`TinyLogBertError`."""
    from tinylogbert_daemon.config import load

    state_dir = getattr(args, "state_dir", None)
    config = load(args.config, options={} if state_dir is None else {"state_dir": str(state_dir)})
    if args.action == "test":
        return _test(config, args.sink)
    if args.action == "dead":
        return _dead(config, args.sink, as_json=args.json)
    return _retry(config, args.sink, args.ids)


def _test(config: Config, name: str | None) -> int:
    """Send a test alert through each sink, or the one of that name; return 1 if one failed."""
    import asyncio

    from tinylogbert_daemon import logs
    from tinylogbert_daemon.sinks.build import outlets
    from tinylogbert_daemon.sinks.trial import trial, trial_alert

    found = outlets(config)
    names = [outlet.sink.name for outlet in found]
    if name is not None and name not in names:
        raise ConfigError(
            f"{name}: no such sink is enabled; enabled are: {', '.join(names) or 'none'}"
        )
    if not found:
        raise ConfigError("no sink is enabled; see the section sinks of the configuration")
    logs.configure(config.logging.level, config.logging.format)
    chosen = [outlet for outlet in found if name in (None, outlet.sink.name)]
    failed = False

    async def live() -> None:
        nonlocal failed
        alert = trial_alert()
        async for tried in trial(_ours(config, chosen), alert):
            failed |= not tried.delivered
            how = "ok" if tried.delivered else "FAILED"
            # flushed: the sink on standard output writes between these lines
            print(f"{tried.sink:12} {how:6} {tried.answer}", flush=True)

    asyncio.run(live())
    if len(_ours(config, chosen)) < len(chosen):
        failed = True
        print(
            f"jsonl        FAILED {config.jsonl_path} is not there yet, and would be this user's: "
            "run this as the daemon's user"
        )
    return int(failed)


def _ours(config: Config, found: Sequence[Outlet]) -> list[Outlet]:
    """Leave out the JSONL sink where its file would be made for another user than the daemon's."""
    path = config.jsonl_path
    try:
        theirs = not path.exists() and path.parent.stat().st_uid != os.geteuid()
    except OSError:
        theirs = False
    return [outlet for outlet in found if not (theirs and outlet.sink.name == "jsonl")]


def _dead(config: Config, name: str | None, *, as_json: bool) -> int:
    from tinylogbert_daemon.state import Store

    store = Store(config.state_path, read_only=True)
    try:
        letters = [one for one in store.dead_letters() if name in (None, one.sink)]
    finally:
        store.close()
    for letter in letters:
        print(_as_json(letter) if as_json else _describe(letter))
    if not letters and not as_json:
        print("no alert was given up")
    return 0


def _as_json(letter: Letter) -> str:
    return json.dumps(
        {
            "id": letter.incident,
            "sink": letter.sink,
            "died": letter.died,
            "attempts": letter.attempts,
            "reason": letter.reason,
            "alert": json.loads(letter.body),
        }
    )


def _describe(letter: Letter) -> str:
    from tinylogbert_daemon.decide.alert import describe, moment

    tries = "1 failed try" if letter.attempts == 1 else f"{letter.attempts} failed tries"
    why = f"given up {moment(letter.died)} after {tries}: {letter.reason}"
    return "\n".join(
        [
            printable(f"{letter.incident}  {letter.sink}  {why}"),
            *(f"  {line}" for line in describe(json.loads(letter.body)).splitlines()),
        ]
    )


def _retry(config: Config, name: str | None, ids: Sequence[str]) -> int:
    from tinylogbert_daemon.state.letters import revive_beside
    from tinylogbert_daemon.state.store import DATABASE

    count = revive_beside(config.state_path / DATABASE, name, ids)
    print(f"{count} alerts are owed again" if count != 1 else "1 alert is owed again")
    return 0
