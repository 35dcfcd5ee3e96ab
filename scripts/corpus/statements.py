"""Statements as log lines: our own, and those that programs' source code holds.

Ours tell what machines say of the same things when they are well and when not. Real software seldom
says both of one thing, so a model could take the thing itself for the trouble ("disk", "memory",
"link"). Here each topic (of `samples/statements.txt`) comes with both. Written for this project; no
log was copied. Those of programs (`scripts/collect_statements.py`) come with their author's level.
Every line is written as some daemon or kernel would, most of them without a level.
"""

import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from corpus.calls import RAISED, filled

# topic: subjects | when all is well | when it is not
HEADERS = (
    "Jun 14 15:16:01 {h} {w}[{n}]: ",
    "Jun 14 15:16:01 {h} kernel: ",
    "2031-05-09T11:12:13.456Z {h} {w}: ",
    "2031-05-09 11:12:13,456 {w}.{w} - ",
    "[12345.678901] ",
    "",
    "",
    "{w}[{n}]: ",
    "11:12:13 {w}: ",
    "1117838570 2031.05.09 {h} May 9 11:12:13 {h}/{h} {w}[{n}]: ",
)
LEVELLED = (
    "2031-05-09 11:12:13,456 {level} {w}: ",
    "2031-05-09T11:12:13Z level={level} msg=",
    "[{level}] {w}: ",
    "May 9 11:12:13 {h} {w}[{n}]: {level}: ",
)
LEVELS = {True: ("ERROR", "error", "FATAL", "critical"), False: ("INFO", "info", "DEBUG", "notice")}
WORDS = (
    *("alpha", "store", "billing", "edge", "relay", "batch", "mirror", "ledger", "depot", "harbor"),
    *("atlas", "lantern", "quartz", "copper", "orbit", "maple", "cobalt", "heron", "delta"),
    *("falcon", "pine", "ember", "summit", "comet", "prism", "raven"),
)
PHRASES = ("{s} {p}", "{s}: {p}", "{p}: {s}", "{s} is now {p}", "{s} - {p}")
TOPICS = Path(__file__).parent / "samples" / "statements.txt"
SHARE_LEVELLED = 0.25
TROUBLE_OF = {
    **{"debug": 0.0, "info": 0.0, "notice": 0.0, "warning": 0.5, "error": 0.9},
    # what is raised may be a user's mistake as well: the caller knows
    RAISED: 0.3,
}
SPELLINGS = {
    "debug": ("DEBUG", "debug", "D"),
    "info": ("INFO", "info", "I"),
    "notice": ("NOTICE", "notice"),
    "warning": ("WARN", "warning", "WARNING"),
    "error": ("ERROR", "error", "err"),
    "critical": ("CRITICAL", "FATAL", "crit"),
}
# of a failure that is only logged for information nobody knows how bad it is
DOUBTFUL = re.compile(
    r"\b(?:fail\w*|errors?|cannot|could ?n[o']t|can't|unable|invalid|den(?:y|ied)|refus\w+|lost"
    r"|broken|missing|abort\w*|unexpected\w*|time[ds]? ?out|timeout|corrupt\w*|bad|fatal"
    r"|exception|illegal|not found|unsupported|unknown|exceed\w*|overflow\w*)\b",
    re.IGNORECASE,
)
IN_DOUBT = 0.4


def statements(number: int, seed: int) -> Iterator[tuple[str, bool]]:
    """Yield `number` lines, each with whether it tells of trouble."""
    rng = random.Random(seed)
    topics = [_topic(block) for block in TOPICS.read_text().split("\n\n")]
    for _ in range(number):
        things, well, ill = rng.choice(topics)
        trouble = rng.random() < 0.5
        body = rng.choice(PHRASES).format(
            s=rng.choice(things), p=rng.choice(ill if trouble else well)
        )
        if rng.random() < SHARE_LEVELLED:
            level = rng.choice(LEVELS[trouble])
            header = rng.choice(LEVELLED).replace("{level}", level)
        else:
            header = rng.choice(HEADERS)
        yield _filled(header + body, rng), trouble


def of_programs(rows: Path, seed: int) -> Iterator[tuple[str, float]]:
    """Yield the statements of `rows` (JSON lines of level and text) with the trouble they mean.

    Failures that are logged for debugging are left out; those for information are doubtful.
    """
    rng = random.Random(seed)
    with rows.open() as file:
        for row in map(json.loads, file):
            level, text = row["level"], row["text"]
            trouble = TROUBLE_OF.get(level, 1.0)
            if trouble == 0.0 and DOUBTFUL.search(text):
                if level == "debug":
                    continue
                trouble = IN_DOUBT
            body = filled(text, trouble >= TROUBLE_OF["error"], rng)
            if level in SPELLINGS and rng.random() < SHARE_LEVELLED:
                header = rng.choice(LEVELLED).replace("{level}", rng.choice(SPELLINGS[level]))
            else:
                header = rng.choice(HEADERS)
            yield _filled(header, rng) + body, trouble


def _topic(block: str) -> tuple[list[str], ...]:
    """Return what a topic lists: things, what is said of them when well, and when not."""
    return tuple(row.split(": ", 1)[1].split("; ") for row in block.strip().split("\n"))


def _filled(line: str, rng: random.Random) -> str:
    slots: dict[str, Callable[[], str]] = {
        "{n}": lambda: str(rng.randrange(1, 9999)),
        "{x}": lambda: f"0x{rng.randrange(1 << 40):x}",
        "{i}": lambda: f"10.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}",
        "{w}": lambda: rng.choice(WORDS),
        "{h}": lambda: rng.choice(WORDS) + str(rng.randrange(1, 40)),
        "{p}": lambda: f"/{rng.choice(('srv', 'var', 'opt'))}/{rng.choice(WORDS)}",
        "{a}": lambda: rng.choice("abcdef"),
    }
    for slot, value in slots.items():
        while slot in line:
            line = line.replace(slot, value(), 1)
    return line
