"""``tinylogbert run``: the daemon."""

from __future__ import annotations

import argparse
import contextlib
import gc
import glob
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinylogbert_daemon.config import Config

COMMAND_LINE = "command-line"
"""The source that paths on the command line belong to."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("-c", "--config", type=Path, metavar="CONFIG", help="configuration file")
    parser.add_argument("--model", metavar="M", help="artifact folder, its symlink or its model.pt")
    parser.add_argument(
        "--for", dest="seconds", type=float, metavar="SECONDS", help="stop after so long"
    )
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="files to read from their beginning, instead of the configured sources; "
        "- is standard input, at the end of which the daemon ends",
    )


def run(args: argparse.Namespace) -> int:
    """Run until stopped."""
    import asyncio

    from tinylogbert_daemon import logs
    from tinylogbert_daemon.errors import TinyLogBertError
    from tinylogbert_daemon.model.memory import share_arenas
    from tinylogbert_daemon.model.preload import preload

    def configure() -> Config:
        config = read_config(args)
        logs.configure(config.logging.level, config.logging.format)
        return config

    share_arenas()
    preload()
    with _nothing_is_garbage():
        config = configure()
        # after the configuration: a mistake there is said at once, before torch is loaded
        from tinylogbert_daemon.daemon import Daemon

    daemon_sources = [COMMAND_LINE] if args.paths else []

    async def live() -> None:
        await Daemon(
            config,
            configure,
            from_beginning=daemon_sources,
            run_seconds=args.seconds,
        ).run()

    try:
        asyncio.run(live())
    except BaseExceptionGroup as group:
        errors, rest = group.split(TinyLogBertError)
        if errors is None or rest is not None:
            raise
        raise _first(errors) from None
    return 0


@contextlib.contextmanager
def _nothing_is_garbage() -> Iterator[None]:
    """Look for no garbage in what imports make, now or later: that took a fifth of the start."""
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def read_config(args: argparse.Namespace) -> Config:
    """Return the configuration with the command line's options in it.

    Raises :class:`SourceError` for a path that is no readable log.
    """
    from tinylogbert_daemon.config import Source, load
    from tinylogbert_daemon.config.sources import STDIN
    from tinylogbert_daemon.errors import SourceError
    from tinylogbert_daemon.source.discover import Discovery

    config = load(args.config, options={"model.path": args.model} if args.model else {})
    if not args.paths:
        return config
    if STDIN in args.paths:
        if len(args.paths) > 1:
            raise SourceError(f"{STDIN}: standard input cannot be read beside files; name it alone")
        return config.model_copy(update={"sources": [Source(name=COMMAND_LINE, paths=[STDIN])]})
    paths = [_pattern(path) for path in args.paths]
    for path in paths:
        found = Discovery([path]).scan()
        for name, reason in found.skipped.items():
            raise SourceError(f"{name}: {reason}; name a log file that can be read")
        if not found.paths:
            raise SourceError(f"{path}: no such file; name a log file that can be read")
    return config.model_copy(update={"sources": [Source(name=COMMAND_LINE, paths=paths)]})


def _pattern(path: str) -> str:
    """Return a glob of ``path``: itself, but a file whose very name it is may hold brackets."""
    absolute = str(Path(path).absolute())
    return glob.escape(absolute) if os.path.lexists(absolute) else absolute


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    """Return the first of the errors that a task group gathered."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, Exception)
    return error
