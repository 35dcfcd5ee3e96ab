"""``tinylogbert check``: validate the configuration and say what would be tailed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinylogbert_daemon.config.sources import Source

_HEAD_BYTES = 16_384


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("-c", "--config", type=Path, metavar="CONFIG", help="configuration file")


def run(args: argparse.Namespace) -> int:
    """Check configuration, model and state directory; list the files of each source."""
    import os

    from tinylogbert_daemon.config import load
    from tinylogbert_daemon.errors import StateError
    from tinylogbert_daemon.escape import printable
    from tinylogbert_daemon.model.artifact import load as load_model
    from tinylogbert_daemon.source import journal
    from tinylogbert_daemon.source.discover import Discovery

    config = load(args.config)
    print(f"model: {load_model(config.model.path, config.model.sha256).name}")
    nearest = config.state_path.absolute()
    while not os.path.lexists(nearest):
        nearest = nearest.parent
    if not os.access(nearest, os.W_OK | os.X_OK) or not nearest.is_dir():
        raise StateError(
            f"{nearest}: cannot write the state there; set state_dir, or run as its owner"
        )
    print(f"state: {config.state_path}")
    any_found = False
    for source in config.sources:
        any_found |= source.is_stdin or source.journal.enabled
        if source.is_stdin:
            print(f"source {source.name}: standard input")
            continue
        if source.journal.enabled:
            asked = source.journal
            chosen = journal.Selection(tuple(asked.units), tuple(asked.matches), asked.directory)
            said = journal.probe(source.name, chosen)
            print(f"source {source.name}: {printable(chosen.path)}")
            for line in said:
                print(f"  {journal.PROGRAM}: {printable(line)}")
            continue
        found = Discovery(source.paths, source.exclude, encoding=source.encoding).scan()
        any_found |= bool(found.paths)
        print(f"source {source.name}: {len(found.paths)} files")
        if source.encoding != "auto":
            print(f"  encoding: {source.encoding}")
        if source.multiline:
            print(f"  joined to the line before: {printable(str(source.multiline))}")
        for path in found.paths:
            print(f"  {printable(path)}{_format(path, source)}")
        for path, reason in sorted(found.skipped.items()):
            print(f"  not followed: {printable(path)}: {reason}")
    if not any_found and journal.is_there():
        print(journal.HINT)
    return 0


def _format(path: str, source: Source) -> str:
    """Return the format that a file's first records have, as an addition to its path."""
    import time

    from tinylogbert_daemon.source.dating import recognise

    if source.format != "auto":
        return f": {source.format}, as configured"
    try:
        with open(path, "rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except OSError:
        return ""  # it has gone; whether it can be read was said above
    name = recognise(head.split(b"\n")[:20], time.time())
    return f": {name}" if name else ""
