"""``tinylogbert completion``: what helps at the command line, made of its parser."""

from __future__ import annotations

import argparse

_MAN = "man"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "kind",
        choices=("bash", "zsh", "fish", _MAN),
        help="the shell, or man for the man page; install-service puts all in place",
    )


def run(args: argparse.Namespace) -> int:
    """Print the completion of a shell, or the man page."""
    from tinylogbert_daemon.cli import build_parser
    from tinylogbert_daemon.install.completion import SHELLS
    from tinylogbert_daemon.install.manpage import man

    make = man if args.kind == _MAN else SHELLS[args.kind]
    print(make(build_parser()), end="")
    return 0
