"""``tinylogbert convert``: a raw log as labelled JSONL, or a look at what it holds."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tinylogbert_daemon.cli.console import STDIO, byte_progress, output_file
from tinylogbert_daemon.cli.setup import share
from tinylogbert_daemon.errors import DataError

DEFAULT_RATIO = 0.05


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    named = parser.add_mutually_exclusive_group(required=True)
    named.add_argument("file", nargs="?", metavar="FILE", help="the raw log, .gz, .xz or - too")
    named.add_argument("-i", "--input", metavar="FILE", help="the same")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="default: <input stem>_jsonl.json beside the input, or stdout for -",
    )
    parser.add_argument(
        "-r",
        "--anomaly-ratio",
        type=share,
        default=DEFAULT_RATIO,
        metavar="RATIO",
        help="share of the lines to replace by simulated anomalies (default: %(default)s)",
    )
    parser.add_argument(
        "-s", "--seed", type=int, default=0, help="which lines and how (default: %(default)s)"
    )
    parser.add_argument(
        "-f", "--force", action="store_true", help="write over an output that is there"
    )
    parser.add_argument(
        "-a",
        "--analyze",
        action="store_true",
        help="print what the log holds; without -o nothing is written",
    )


def run(args: argparse.Namespace) -> int:
    """Analyse and convert as asked; returns the exit status."""
    name: str = args.input or args.file
    writes = not args.analyze or args.output is not None
    output = args.output or _default_output(name)
    if writes and not _may_write(name, output, force=args.force):
        print(
            f"{output}: is there and newer than {name}; left alone (-f writes it anew)",
            file=sys.stderr,
        )
        writes = False
        if not args.analyze:
            return 0
    with _seekable(name) as path:
        if args.analyze:
            _analyze(path, sys.stderr if writes and str(output) == STDIO else sys.stdout)
        if writes:
            _convert(path, output, args.anomaly_ratio, args.seed)
    return 0


def _analyze(path: str, stream: object) -> None:
    import time

    from tinylogbert_daemon.training.analyze import analyze, table

    with byte_progress([path], "analysing") as report:
        found = analyze(path, time.time(), report)
    for line in table(found):
        print(line, file=stream)  # type: ignore[call-overload]


def _convert(path: str, output: Path, ratio: float, seed: int) -> None:
    from tinylogbert_daemon.training.convert import convert

    with byte_progress([path], "converting", passes=2) as report, output_file(output) as stream:
        done = convert(path, stream, ratio, seed, report)
    where = "standard output" if str(output) == STDIO else str(output)
    kinds = ", ".join(f"{name} {count:,}" for name, count in sorted(done.simulated.items()))
    print(
        f"{where}: {done.lines:,} lines, {done.simulated.total():,} of them simulated anomalies"
        + (f" ({kinds})" if kinds else ""),
        file=sys.stderr,
    )
    if done.not_utf8:
        print(
            f"{done.not_utf8:,} lines are not UTF-8; their other bytes are kept as lone surrogates",
            file=sys.stderr,
        )


def _default_output(name: str) -> Path:
    from tinylogbert_daemon.training.convert import output_path

    return Path(STDIO) if name == STDIO else output_path(name)


def _may_write(name: str, output: Path, *, force: bool) -> bool:
    """Return whether to write ``output``; False if it is newer than the input.

    Raises :class:`DataError` if it is older, or the input itself.
    """
    if str(output) == STDIO or not output.is_file():
        return True
    source = Path(name)
    if name != STDIO and source.exists() and output.samefile(source):
        raise DataError(f"{output}: is the input itself; name another output with -o")
    if force:
        return True
    if name != STDIO and source.exists() and output.stat().st_mtime > source.stat().st_mtime:
        return False
    raise DataError(f"{output}: is there already; -f writes it anew")


@contextmanager
def _seekable(name: str) -> Iterator[str]:
    """Give a name under which the input can be read twice: a pipe goes into a temporary file."""
    from tinylogbert_daemon.source.lines import open_input

    if name != STDIO and (Path(name).is_file() or not Path(name).exists()):
        yield name
        return
    with tempfile.NamedTemporaryFile(prefix="tinylogbert-", suffix=".log") as copy:
        with closing(open_input(name)) as stream:
            shutil.copyfileobj(stream, copy)
        copy.flush()
        yield copy.name
