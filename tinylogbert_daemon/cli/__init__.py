"""The command line: a table of subcommands, each imported only when it is asked for."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection
from importlib import import_module
from types import ModuleType

from tinylogbert_daemon import __version__
from tinylogbert_daemon.errors import TinyLogBertError
from tinylogbert_daemon.escape import printable

COMMANDS = {
    "run": "tail, score, alert and serve",
    "check": "validate the configuration and say what would be tailed",
    "train": "train a model and export it",
    "convert": "turn a raw log into labelled JSONL with simulated anomalies",
    "detect": "score one line",
    "batch": "score a file",
    "tokenize": "show what the model reads of a line",
    "evaluate": "measure a model on labelled JSONL",
    "compare": "measure both models on the same labelled JSONL, as a report",
    "workflow": "from a raw log to two trained models and a report on them",
    "serve": "the REST API without tailing",
    "incidents": "list, show and follow what was found",
    "feedback": "say what is normal, mute it, mark real problems",
    "status": "ask a running daemon, or read its state",
    "install-service": "put user, unit, configuration and log rotation in place, or remove them",
    "completion": "print the completion of a shell, or the man page",
    "scrub": "mask the secrets in files of alerts that were written under other rules",
    "alerts": "try the sinks, list what was given up, put it back",
}
"""Each name (with _ for -) is a module here with ``add_arguments(parser)`` and ``run(args)``."""


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand; return 0, 1 (failed: a line on stderr says why) or 2 (usage)."""
    given = sys.argv[1:] if arguments is None else arguments
    chosen = next((word for word in given if not word.startswith("-")), "")
    parser = build_parser({chosen})
    args = parser.parse_args(given)
    if args.command is None:
        parser.print_help(sys.stderr)
        return 2
    return _run(args)


def build_parser(chosen: Collection[str] = COMMANDS) -> argparse.ArgumentParser:
    """Return the parser; only of the ``chosen`` commands does it know the options."""
    parser = argparse.ArgumentParser(
        prog="tinylogbert",
        description="Tail logs, give every line a BERT verdict, alert on the few that matter.",
    )
    parser.add_argument("--version", action="version", version=f"tinylogbert {__version__}")
    subparsers = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    for name, summary in COMMANDS.items():
        sub = subparsers.add_parser(
            name, help=summary, description=f"{summary[0].upper()}{summary[1:]}."
        )
        if name in chosen:
            _module(name).add_arguments(sub)
    return parser


def _module(command: str) -> ModuleType:
    return import_module(f"tinylogbert_daemon.cli.{command.replace('-', '_')}")


def _run(args: argparse.Namespace) -> int:
    command = _module(args.command)
    try:
        status: int = command.run(args)
        sys.stdout.flush()
    except TinyLogBertError as error:
        for line in str(error).splitlines():
            print(f"tinylogbert: {printable(line)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # whoever read our output has gone; nothing may be written to it at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    return status
