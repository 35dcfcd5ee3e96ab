"""Simulated anomalies: named corruptions of a log line, each a function of a line and a generator.

They stand in for labels where a log has none: to choose a threshold and to evaluate, never to
learn from. Some are damage (a cut line, garbage), some are trouble as programs write it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

Corruption = Callable[[str, Random], str]

_SPAN = 4096  # characters that a corruption works on: bounds the work on endless lines
_HEADER = re.compile(
    # up to a program's colon or a closed bracket ...
    r".{0,120}?[\w\])$]:? ?(?:: |\]: |\] (?![\[(]))"
    # ... or up to a level word, or leading words with digits in them
    r"|.{0,120}?\b(?:DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|FATAL)\b:? "
    r"|(?:\S{0,64}\d\S{0,64} +){1,6}",
    re.IGNORECASE,
)
_LEVEL = re.compile(r"\b(?:trace|debug|info|notice|warn(?:ing)?)\b", re.IGNORECASE)
_NUMBER = re.compile(r"\d+")
_GARBAGE = "\x00\x01\x02\x06\x15\x7f\x80\x9fÃ©�þÿ~^`|{}§¤"
_TROUBLE = (
    "fatal: out of memory, killed process {n} (score {n})",
    "connection to {ip} refused after {n} attempts, giving up",
    "cannot write {path}: No space left on device",
    "checksum mismatch in {path}: expected {hex}, found {hex}",
    "segmentation fault at address {hex}, core dumped",
    "authentication failure for user root from {ip} port {n}",
    "I/O error on device sda, sector {n}: read failed",
    "timed out after {n} ms waiting for lock held by {n}",
    "panic: unexpected null pointer in request {n}",
    "certificate of {ip} has expired, refusing the connection",
    "database is corrupted: page {n} of {path} is malformed",
    "lost quorum: {n} of {n} members unreachable, stepping down",
    "temperature above threshold on sensor {n}, shutting down",
    "permission denied while opening {path}",
)


def _split(line: str) -> tuple[str, str]:
    """Return the header (time, host, program, level) and the message of a line."""
    found = _HEADER.match(line[:_SPAN])
    cut = found.end() if found and found.end() < len(line) else 0
    return line[:cut], line[cut:]


def _words(message: str) -> tuple[list[str], str]:
    """Return the words and blanks, alternating, of a message's first part, and the rest."""
    return re.split(r"( +)", message[:_SPAN]), message[_SPAN:]


def word_swap(line: str, random: Random) -> str:
    """Swap two words of the message."""
    header, message = _split(line)
    parts, rest = _words(message)
    at = range(0, len(parts), 2)
    if len(at) > 1:
        one, other = random.sample(at, 2)
        parts[one], parts[other] = parts[other], parts[one]
    return header + "".join(parts) + rest


def word_drop(line: str, random: Random) -> str:
    """Drop a third of the message's words."""
    header, message = _split(line)
    parts, rest = _words(message)
    words = parts[::2]
    for _ in range(max(1, len(words) // 3)):
        if len(words) > 1:
            del words[random.randrange(len(words))]
    return header + " ".join(words) + rest


def token_repeat(line: str, random: Random) -> str:
    """Repeat one word of the message several times."""
    header, message = _split(line)
    parts, rest = _words(message)
    at = 2 * random.randrange((len(parts) + 1) // 2)
    parts[at] = " ".join([parts[at]] * random.randint(4, 9))
    return header + "".join(parts) + rest


def foreign_message(line: str, random: Random) -> str:
    """Replace the message by one of trouble, after the line's own header with its level raised."""
    header, _ = _split(line)
    message = _fill(random.choice(_TROUBLE), random)
    return level_raise(header, random) + message


def truncate(line: str, random: Random) -> str:
    """Cut the line in the middle, as a crash or a full disk does."""
    return line[: int(len(line) * random.uniform(0.3, 0.7))]


def level_raise(line: str, random: Random) -> str:
    """Raise the line's level to an error, in the case that it is written in."""
    found = _LEVEL.search(line, 0, 200)
    if not found:
        return line
    level = random.choice(("ERROR", "FATAL", "CRITICAL"))
    old = found[0]
    if old.islower():
        level = level.lower()
    elif not old.isupper():
        level = level.capitalize()
    return line[: found.start()] + level + line[found.end() :]


def value_burst(line: str, random: Random) -> str:
    """Make the message's numbers absurdly large."""
    header, message = _split(line)
    large = _NUMBER.sub(
        lambda found: found[0] + str(random.randrange(10**8, 10**13)), message[:_SPAN]
    )
    return header + large + message[_SPAN:]


def garbage(line: str, random: Random) -> str:
    """Overwrite a part of the line with control characters and wrongly decoded bytes."""
    length = random.randint(6, 40)
    start = random.randrange(len(line)) if line else 0
    return line[:start] + "".join(random.choices(_GARBAGE, k=length)) + line[start + length :]


CORRUPTIONS: dict[str, Corruption] = {
    "word_swap": word_swap,
    "word_drop": word_drop,
    "token_repeat": token_repeat,
    "foreign_message": foreign_message,
    "truncate": truncate,
    "level_raise": level_raise,
    "value_burst": value_burst,
    "garbage": garbage,
}


def corrupt(line: str, random: Random) -> tuple[str, str]:
    """Return a line unlike ``line`` and the name of the corruption that made it.

    The names are tried in random order until one changes the line; ``foreign_message`` and
    ``garbage`` change any line, an empty one too.
    """
    for name in random.sample(list(CORRUPTIONS), len(CORRUPTIONS)):
        changed = CORRUPTIONS[name](line, random)
        if changed not in (line, ""):
            return changed, name
    return line + _fill(" {n}", random), "value_burst"


def _fill(message: str, random: Random) -> str:
    """Fill the slots of a message of trouble."""
    values: dict[str, Callable[[], str]] = {
        "{n}": lambda: str(random.randrange(1, 65_536)),
        "{ip}": lambda: f"10.{random.randrange(256)}.{random.randrange(256)}.7",
        "{hex}": lambda: f"0x{random.randrange(1 << 32):08x}",
        "{path}": lambda: f"/var/lib/data/{random.randrange(100)}/store.db",
    }
    for slot, value in values.items():
        while slot in message:
            message = message.replace(slot, value(), 1)
    return message
