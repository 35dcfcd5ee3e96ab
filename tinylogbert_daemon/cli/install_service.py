"""``tinylogbert install-service``: the service for good, under systemd."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinylogbert_daemon.install.actions import Action


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, do nothing")
    parser.add_argument(
        "--prefix",
        metavar="DIR",
        help="the environment that holds the program (default: the one that runs this)",
    )
    parser.add_argument(
        "--read-all-logs",
        action="store_true",
        help="let the service read logs that only root may read, by a drop-in beside its unit",
    )
    parser.add_argument(
        "--no-start", action="store_true", help="put all in place, but enable and start nothing"
    )
    parser.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        help="for packages: put the files below DIR, where those of a Debian package go",
    )
    parser.add_argument(
        "--uninstall",
        action="store_true",
        help="stop and remove the service; state and configuration are kept",
    )
    parser.add_argument(
        "--purge",
        action="store_true",
        help="with --uninstall: remove state, configuration and user, too",
    )


def run(args: argparse.Namespace) -> int:
    """Say and do what is left to do; the second time that is nothing."""
    from tinylogbert_daemon.cli import build_parser
    from tinylogbert_daemon.errors import InstallError
    from tinylogbert_daemon.install import plan

    if args.purge and not args.uninstall:
        raise InstallError("--purge is for --uninstall")
    if args.root is not None:
        if args.uninstall or args.prefix or args.read_all_logs or args.no_start:
            raise InstallError("--root puts the files of a package in place, and no more")
        actions = plan.stage(build_parser(), args.root)
    elif args.uninstall:
        actions = plan.uninstall(purge=args.purge)
    else:
        wishes = plan.Wishes(args.prefix or sys.prefix, args.read_all_logs, not args.no_start)
        actions = plan.install(build_parser(), wishes)
    if args.root is None and not args.dry_run and os.geteuid() != 0:
        raise InstallError("needs root: run it with sudo, or see what it would do with --dry-run")
    if not actions:
        print("nothing to do")
    _take(actions, dry=args.dry_run)
    return 0


def _take(actions: list[Action], *, dry: bool) -> None:
    """Say every action, and do it before the next is said."""
    from tinylogbert_daemon.errors import InstallError

    os.umask(0o022)  # folders above the files are for all to see
    for action in actions:
        print(action, flush=True)
        if dry:
            continue
        try:
            action.do()
        except (OSError, LookupError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise InstallError(f"cannot {action}: {reason}") from error
