"""``tinylogbert detect``: the result of one line."""

from __future__ import annotations

import argparse
import json
import sys

from tinylogbert_daemon.cli.console import STDIO
from tinylogbert_daemon.cli.setup import add_model_arguments, load_setup
from tinylogbert_daemon.escape import printable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("line", metavar="LINE", help="the log line; - reads standard input")
    parser.add_argument("--json", action="store_true", help="print JSON, one object a line")
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the result of the line, or of each line of standard input."""
    records = lines_of(args.line)
    results = load_setup(args.model, args.threshold, args.state).engine.results(records)
    for result in results:
        if args.json:
            print(json.dumps(result))
            continue
        word = "ANOMALY" if result["anomaly"] else "normal "
        print(
            f"{word} {result['score']:.3f}  surprise {result['raw']:.2f} nats/token  "
            f"severity {result['severity']:.2f}  novelty {result['novelty']:.2f}  "
            f"{printable(result['log_text'])}"
        )
    return 0


def lines_of(line: str) -> list[str]:
    """Return the line, or the lines of standard input for ``-``."""
    if line != STDIO:
        return [line]
    from tinylogbert_daemon.source.lines import blocks_of, open_input

    found: list[str] = []
    for block in blocks_of(open_input(STDIO)):
        found += block.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")[:-1]
    if not found:
        from tinylogbert_daemon.errors import DataError

        raise DataError("standard input: is empty, there is no line to score")
    sys.stderr.flush()
    return found
