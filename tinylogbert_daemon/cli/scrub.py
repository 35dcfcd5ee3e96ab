"""``tinylogbert scrub``: mask what files of alerts hold from before the rules that are on now."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinylogbert_daemon.privacy import Masker


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("-c", "--config", type=Path, metavar="CONFIG", help="configuration file")
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="default: the JSONL sink's own"
    )


def run(args: argparse.Namespace) -> int:
    """Rewrite each file that holds something to mask; say how many of its lines were."""
    import os

    from tinylogbert_daemon.config import load
    from tinylogbert_daemon.errors import StateError
    from tinylogbert_daemon.escape import printable
    from tinylogbert_daemon.state.lock import lock

    config = load(args.config)
    if not config.state_path.is_dir():
        raise StateError(f"{config.state_path}: holds no state of a daemon; check state_dir")
    try:
        # a daemon would go on appending to a file that has been replaced
        held = lock(config.state_path)
    except OSError as error:
        raise StateError(f"{config.state_path}: cannot lock it: {error.strerror}") from error
    try:
        for path in args.files or [config.jsonl_path]:
            changed = rewrite(path, config.privacy.masker())
            print(f"{printable(str(path))}: {changed} lines masked")
    finally:
        os.close(held)
    return 0


def rewrite(path: Path, masker: Masker) -> int:
    """Mask the lines of a JSONL file; return how many changed.

    A crash leaves the old file or the new one, which is its owner's alone. A line that is no alert
    is masked as text, and kept. Raises :class:`DataError` if it cannot be read or written.
    """
    import os

    from tinylogbert_daemon.errors import DataError
    from tinylogbert_daemon.state.modes import open_private

    new = path.with_name(f".{path.name}.scrub")
    try:
        if path.is_symlink() or not path.is_file():
            raise DataError(f"{path}: is no regular file; name the file itself")
        with path.open("rb") as stream, open(open_private(new, os.O_WRONLY), "wb") as made:
            made.truncate()
            if stream.peek(2)[:2] == b"\x1f\x8b":
                raise DataError(f"{path}: is compressed; unpack it first")
            changed = 0
            for line in stream:
                masked = _masked(line, masker)
                changed += masked != line
                made.write(masked)
            owner = os.fstat(stream.fileno())
            os.fchown(made.fileno(), owner.st_uid, owner.st_gid)
            made.flush()
            os.fsync(made.fileno())
        if changed:
            new.replace(path)
    except OSError as error:
        raise DataError(f"{path}: cannot rewrite it: {error.strerror}") from error
    finally:
        new.unlink(missing_ok=True)
    return changed


def _masked(line: bytes, masker: Masker) -> bytes:
    from tinylogbert_daemon.state.scrub import masked_alert

    bare = line.removesuffix(b"\n")
    end = line[len(bare) :]
    text = bare.decode("utf-8", "surrogateescape")
    try:
        masked = masked_alert(text, masker)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        masked = masker.line(text)  # torn by a crash, or of another program
    return masked.encode("utf-8", "surrogateescape") + end
