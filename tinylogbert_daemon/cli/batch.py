"""``tinylogbert batch``: the result of every record of a file, as JSONL, in bounded memory."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinylogbert_daemon.cli.console import byte_progress, output_file
from tinylogbert_daemon.cli.setup import Setup, add_model_arguments, load_setup
from tinylogbert_daemon.clock import Clock, SystemClock
from tinylogbert_daemon.errors import DataError

if TYPE_CHECKING:
    from tinylogbert_daemon.decide.score import Decision
    from tinylogbert_daemon.model.scorer import Verdict

_RESULT_KEYS = (
    "line",
    "log_text",
    "score",
    "anomaly",
    "raw",
    "severity",
    "novelty",
    "model",
)
_ENDINGS_LIMIT = 100_000
_ONLINE_RECORDS = 500


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("file", metavar="FILE", help="a log, .gz, .xz or - for stdin too")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="default: standard output"
    )
    parser.add_argument(
        "--json-format",
        action="store_true",
        help='the file is JSONL with a "log_text" in each object; its other keys are kept',
    )
    parser.add_argument(
        "--online",
        action="store_true",
        help="learn what is common in file order, block by block, as the daemon would",
    )
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Write one result a record; returns the exit status."""
    from tinylogbert_daemon.source.lines import blocks_of, open_input

    with closing(open_input(args.file)) as stream:  # a wrong name is told before the model loads
        setup = load_setup(args.model, args.threshold, args.state)
        renderer = Renderer(setup, online=args.online)
        render = renderer.json_block if args.json_format else renderer.text_block
        # results that scroll over the terminal show progress enough
        shown = [] if args.output is None and sys.stdout.isatty() else [args.file]
        with output_file(args.output) as output, byte_progress(shown, "scoring") as report:
            for block in blocks_of(stream):
                for piece in _pieces(block) if args.online else (block,):
                    output.writelines(render(piece, args.file))
                output.flush()  # who pipes into a running batch sees each block's results
                report(len(block))
    if not renderer.lines:
        print(f"{args.file}: is empty, there is nothing to score", file=sys.stderr)
    elif args.output is not None:
        print(f"{args.output}: results of {renderer.lines:,} lines", file=sys.stderr)
    return 0


class Renderer:
    """Turns blocks of records into JSONL; all but the record's text is rendered once a verdict.

    With ``online``, a block's records are judged by what was learned before it, as in the daemon.
    ``lines`` is how many lines there were so far.
    """

    def __init__(self, setup: Setup, *, online: bool = False) -> None:
        self._setup = setup
        self._learner = Learner(setup, SystemClock()) if online else None
        self.lines = 0
        self._endings: dict[Verdict, str] = {}
        self._model = encode_basestring_ascii(setup.engine.model)

    def text_block(self, block: bytes, _: str = "") -> Iterator[bytes]:
        """Yield the results of a block of raw records, each ended by a newline."""
        endings = self._judge(block)
        texts = block.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
        first = self.lines + 1
        self.lines += len(endings)
        rows = zip(map(encode_basestring_ascii, texts), endings, strict=False)
        yield "".join(
            [
                f'{{"line": {line}, "log_text": {text}{ending}}}\n'
                for line, (text, ending) in enumerate(rows, first)
            ]
        ).encode("ascii")

    def json_block(self, block: bytes, name: str) -> Iterator[bytes]:
        """Yield the results of a block of JSON objects; empty lines are passed over.

        Raises :class:`DataError` for a line that is no object with a string ``log_text``.
        """
        from tinylogbert_daemon.model.shape import record

        lines: list[int] = []
        objects: list[dict[str, Any]] = []
        for content in block.split(b"\n")[:-1]:
            self.lines += 1
            if content.strip():
                lines.append(self.lines)
                objects.append(_parse(content, self.lines, name))
        texts = [entry["log_text"] for entry in objects]
        records = b"".join([record(text) + b"\n" for text in texts])
        for line, entry, ending in zip(lines, objects, self._judge(records), strict=True):
            text = encode_basestring_ascii(entry["log_text"])
            row = f'{{"line": {line}, "log_text": {text}{ending}{_others(entry)}}}\n'
            yield row.encode("ascii")

    def _judge(self, block: bytes) -> Sequence[str]:
        """Return, for each record, what follows its text in its result."""
        verdicts = self._setup.engine.verdicts(block)
        if self._learner is None:
            if len(self._endings) > _ENDINGS_LIMIT:
                self._endings.clear()
            return _each(verdicts, self._endings, self._ending)
        self._learner.begin(block)
        endings = _each(verdicts, {}, self._ending)
        self._learner.learn(verdicts)
        return endings

    def _ending(self, verdict: Verdict) -> str:
        if self._learner is None:
            decision = self._setup.engine.decide(verdict)
        else:
            decision = self._learner.decide(verdict)
        return (
            f', "score": {round(decision.score, 6)}'
            f', "anomaly": {"true" if decision.anomaly else "false"}'
            f', "raw": {round(verdict.raw, 6)}, "severity": {round(verdict.severity, 6)}'
            f', "novelty": {round(decision.novelty, 6)}, "model": {self._model}'
        )


class Learner:
    """Learns block by block in file order, with log time and a time of learning as in the daemon.

    What belongs together is called in turn: :meth:`begin`, :meth:`decide`, :meth:`learn`.
    """

    def __init__(self, setup: Setup, wall: Clock) -> None:
        self._setup = setup
        self._wall = wall
        self._since: float | None = None

    def begin(self, block: bytes) -> None:
        """Move log time on to the block's; it runs neither backwards nor ahead of the clock."""
        from tinylogbert_daemon.source.logtime import UNDATED_SECONDS, block_times

        clock, wall = self._setup.clock, self._wall.now()
        first, last = block_times(block, wall)
        if last is None:
            last = clock.now() + UNDATED_SECONDS * block.count(b"\n")
        clock.advance(max(0.0, min(last, wall) - clock.now()))
        if self._since is None:
            self._since = min(clock.now(), clock.now() if first is None else first)

    def decide(self, verdict: Verdict) -> Decision:
        """Return the decision on records of the block that was begun."""
        now = self._setup.clock.now()
        return self._setup.decider.decide(verdict, now, learning=self._learning())

    def _learning(self) -> bool:
        return self._setup.clock.now() - (self._since or 0.0) < self._setup.learning_seconds

    def learn(self, verdicts: Sequence[Verdict]) -> None:
        """Count the block's verdicts."""
        self._setup.decider.learn(set(verdicts), self._setup.clock.now(), learning=self._learning())


def _pieces(block: bytes) -> Iterator[bytes]:
    """Yield a block in parts, as a daemon that follows a growing file would read it."""
    lines = block.split(b"\n")[:-1]
    for first in range(0, len(lines), _ONLINE_RECORDS):
        yield b"\n".join([*lines[first : first + _ONLINE_RECORDS], b""])


def _each(
    verdicts: Sequence[Verdict], known: dict[Verdict, str], render: Callable[[Verdict], str]
) -> list[str]:
    """Return the ending of each verdict, rendered where it is not ``known``."""
    for verdict in set(verdicts) - known.keys():
        known[verdict] = render(verdict)
    return list(map(known.__getitem__, verdicts))


def _parse(content: bytes, line: int, name: str) -> dict[str, Any]:
    try:
        entry = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name}:{line}: not JSON: {error}") from error
    if not isinstance(entry, dict) or not isinstance(entry.get("log_text"), str):
        raise DataError(f'{name}:{line}: needs an object with a string "log_text"')
    return entry


def _others(entry: dict[str, Any]) -> str:
    """Return the keys that are none of a result's, to be appended to it."""
    others = {key: value for key, value in entry.items() if key not in _RESULT_KEYS}
    return ", " + json.dumps(others)[1:-1] if others else ""
