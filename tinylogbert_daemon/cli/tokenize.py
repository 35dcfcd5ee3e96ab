"""``tinylogbert tokenize``: what the model reads of a line."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from tinylogbert_daemon.cli.detect import lines_of
from tinylogbert_daemon.cli.setup import add_model_argument, load_artifact

if TYPE_CHECKING:
    from tinylogbert_daemon.decide.engine import Tokens


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("line", metavar="LINE", help="the log line; - reads standard input")
    parser.add_argument("--json", action="store_true", help="print JSON, one object a line")
    add_model_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Print text, tokens and ids of the line, or of each line of standard input."""
    from tinylogbert_daemon.model.normalize import normalize
    from tinylogbert_daemon.model.shape import record, shapes

    lines = lines_of(args.line)
    tokenizer = load_artifact(args.model).tokenizer
    for line in lines:
        text = normalize(shapes(record(line) + b"\n")[0])
        encoding = tokenizer.encode([text])[0]
        found: Tokens = {"text": text, "tokens": encoding.tokens, "ids": encoding.ids}
        if args.json:
            print(json.dumps(found))
        else:
            print(f"text    {text}")
            print(f"tokens  {' '.join(encoding.tokens)}")
            print(f"ids     {' '.join(map(str, encoding.ids))}")
    return 0
