"""``tinylogbert feedback``: say what is normal, mute, mark real problems; list, undo, move it."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinylogbert_daemon.cli.console import STDIO, output_file, say
from tinylogbert_daemon.cli.incidents import add_state_arguments, load_config, span
from tinylogbert_daemon.errors import DataError
from tinylogbert_daemon.escape import printable

if TYPE_CHECKING:
    from tinylogbert_daemon.config import Config

_SAMPLE_CHARACTERS = 100
_LONGEST_LINE = 256 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions and their options."""
    actions = parser.add_subparsers(title="actions", dest="action", metavar="ACTION", required=True)
    add = actions.add_parser("add", help="say what the text of an incident, or of a line, is")
    add.add_argument("kind", choices=["normal", "mute", "real"])
    add.add_argument("incident", nargs="?", metavar="ID", help="id of an incident")
    add.add_argument("--line", metavar="LINE", help="a log line, instead of an incident")
    add.add_argument("--near", action="store_true", help="near texts, by embedding, too")
    add.add_argument(
        "--similarity", metavar="C", type=_cosine, help="how near: least cosine (default: 0.9)"
    )
    add.add_argument("--for", dest="seconds", metavar="TIME", type=span, help="such as 2h or 3d")
    add.add_argument("--note", default="", help="why")
    listed = actions.add_parser("list", help="what was said, the newest first")
    listed.add_argument("--active", action="store_true", help="only what holds")
    undo = actions.add_parser("undo", help="take back what was said; its trail is kept")
    undo.add_argument("number", type=int, metavar="NUMBER")
    export = actions.add_parser("export", help="all of it as JSON lines")
    export.add_argument("file", nargs="?", type=Path, metavar="FILE", help="default: stdout")
    take = actions.add_parser("import", help="take over what was exported")
    take.add_argument("file", metavar="FILE", help="JSON lines; - is standard input")
    for action in (add, undo):
        action.add_argument("--author", default=_user(), help="who says so (default: this user)")
    for action in (add, listed, undo, export, take):
        add_state_arguments(action)
        action.add_argument("--json", action="store_true", help="print one JSON object a line")


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def _cosine(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.5 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is no cosine from 0.5 to 1")
    return value


def run(args: argparse.Namespace) -> int:
    """Do what is asked, by the running daemon or in the state of one that does not run."""
    from tinylogbert_daemon.cli import client

    config = load_config(args)
    daemon = client.running(config)
    port: _Remote | _Local = _Remote(daemon) if daemon is not None else _Local(config)
    if args.action == "export":
        _export(port.listed(active=False), args.file)
    elif args.action == "list":
        for entry in port.listed(active=args.active):
            print(json.dumps(entry) if args.json else _row(entry))
    elif args.action == "import":
        entries = _read(args.file)
        counts = port.take(entries)
        say(f"{counts['imported']} entries imported, {counts['known']} were there already")
    else:
        entry = port.undo(args.number, args.author) if args.action == "undo" else port.add(args)
        print(json.dumps(entry) if args.json else _row(entry))
    return 0


def _asked(args: argparse.Namespace) -> dict[str, Any]:
    """Return the body of a request to add feedback, as the API takes it."""
    body = {
        "kind": args.kind,
        "incident": args.incident,
        # what of the command line is no UTF-8
        "log_text": None if args.line is None else _clean(args.line),
        "near": args.near or args.similarity is not None,
        "similarity": args.similarity,
        "seconds": args.seconds,
        "author": _clean(args.author),
        "note": _clean(args.note),
    }
    return {name: value for name, value in body.items() if value is not None}


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


class _Remote:
    """Feedback by the running daemon."""

    def __init__(self, daemon: Any) -> None:
        self._daemon = daemon

    def add(self, args: argparse.Namespace) -> Any:
        return self._daemon.ask("POST", "/api/feedback", _asked(args))

    def undo(self, number: int, author: str) -> Any:
        return self._daemon.ask("DELETE", f"/api/feedback/{number}", author=author)

    def listed(self, *, active: bool) -> list[Any]:
        found: list[Any] = []
        before = None
        while True:
            page = self._daemon.ask("GET", "/api/feedback", active=active, before=before, limit=500)
            found += page["entries"]
            before = page["next"]
            if before is None:
                return found

    def take(self, entries: list[Any]) -> dict[str, int]:
        counts = {"imported": 0, "known": 0}
        part: list[Any] = []
        size = 0
        for entry in [*entries, None]:
            length = len(json.dumps(entry))
            # the daemon reads bodies of at most 1 MiB
            if part and (entry is None or len(part) >= 500 or size + length > 900_000):
                answer = self._daemon.ask("POST", "/api/feedback/import", {"entries": part})
                counts = {name: counts[name] + answer[name] for name in counts}
                part, size = [], 0
            part.append(entry)
            size += length
        return counts


class _Local:
    """Feedback in the state of a daemon that does not run: it heeds it from its next start on."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def add(self, args: argparse.Namespace) -> Any:
        from tinylogbert_daemon.state import feedback as records
        from tinylogbert_daemon.state.feedback import Asked

        body = _asked(args)
        privacy = self._config.privacy
        describe = partial(
            records.describe,
            asked=Asked(**body),
            now=time.time(),
            masker=privacy.masker() if privacy.mask else None,
        )
        return self._change(lambda db: records.add(db, [describe(db)])[0])

    def undo(self, number: int, author: str) -> Any:
        from tinylogbert_daemon.state import feedback as records

        now = time.time()
        return self._change(partial(records.undo, number=number, author=_clean(author), now=now))

    def listed(self, *, active: bool) -> list[Any]:
        from tinylogbert_daemon.cli import client
        from tinylogbert_daemon.state import feedback as records
        from tinylogbert_daemon.web.shown import shown_feedback

        now = time.time()
        with client.store(self._config, read_only=True) as store:
            found = store.ask(partial(records.entries, active_at=now if active else None))
        return [shown_feedback(entry, now) for entry in found]

    def take(self, entries: list[Any]) -> dict[str, int]:
        from tinylogbert_daemon.cli import client
        from tinylogbert_daemon.state import feedback as records
        from tinylogbert_daemon.web.history import ImportEntry

        found = [ImportEntry.model_validate(entry).feedback() for entry in entries]
        with client.store(self._config, read_only=False) as store:
            added = store.change(partial(records.add, entries=found))
        return {"imported": len(added), "known": len(found) - len(added)}

    def _change(self, change: Any) -> Any:
        from tinylogbert_daemon.cli import client
        from tinylogbert_daemon.web.shown import shown_feedback

        with client.store(self._config, read_only=False) as store:
            return shown_feedback(store.change(change), time.time())


def _export(entries: list[Any], file: Path | None) -> None:
    with output_file(file) as stream:
        stream.writelines(f"{json.dumps(entry)}\n".encode() for entry in reversed(entries))


def _read(name: str) -> list[Any]:
    """Return the entries of a file; raises :class:`DataError` that names the first wrong line."""
    from pydantic import ValidationError

    from tinylogbert_daemon.web.history import ImportEntry

    try:
        content = sys.stdin.buffer.read() if name == STDIO else Path(name).read_bytes()
    except OSError as error:
        raise DataError(f"{name}: cannot read: {error.strerror}") from error
    entries = []
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            if len(line) > _LONGEST_LINE:
                raise ValueError("is longer than 256 KiB")
            entry = ImportEntry.model_validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            what = ".".join(map(str, first["loc"])) or "line"
            raise DataError(f"{name}:{number}: {what}: {first['msg']}") from error
        except ValueError as error:
            raise DataError(f"{name}:{number}: {error}") from error
        entries.append(entry.model_dump())
    return entries


def _row(entry: Any) -> str:
    from tinylogbert_daemon.decide.alert import moment

    if entry["undone"] is not None:
        state = f"undone by {printable(entry['undone_by']) or 'somebody'}"
    elif not entry["active"]:
        state = "expired"
    else:
        state = "for good" if entry["expires"] is None else f"until {moment(entry['expires'])}"
    scope = "" if entry["near"] is None else f" and near ones ({entry['near']:g})"
    note = f" ({printable(entry['note'])})" if entry["note"] else ""
    return (
        f"{entry['number']:4}  {moment(entry['created'])}  {entry['kind']:6}  {state}, "
        f"{printable(entry['author']) or '-'}: "
        f"{printable(entry['sample'], _SAMPLE_CHARACTERS)}{scope}{note}"
    )
