"""From a shape to the text that the model reads: header fields and values become typed tokens.

The text is words in lower case and typed tokens such as ``[num]`` or ``[path]``, without
punctuation: short texts are what makes a new shape cheap to score. It is a function of the shape
only, so it can serve as the second key of the verdict cache, as the key of an incident and as the
unit of counting. Typed tokens are in lower case and all else is lowered, so that no line can
smuggle in one of the tokenizer's own tokens (``[MASK]``, ``[PAD]``, …).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tinylogbert_daemon import levels
from tinylogbert_daemon.levels import LEVEL_OF_LETTER, LEVEL_OF_SIGN, LEVEL_OF_WORD

NORMALIZER_VERSION = 2
"""Raised when the same shape gives another text; artifacts carry it and refuse another one."""

SHAPE_LIMIT = 2048
"""Bytes of a shape that are read: more than a text of 128 tokens can hold, and a bound on work."""

WORD_LIMIT = 126
"""Words and typed tokens of a text: with [CLS] and [SEP] they fill the 128 positions."""

LEVEL_WINDOW = 160
"""A level word counts as the record's level only if it begins this early (in characters)."""

LEVELS = tuple(f"[{level}]" for level in levels.LEVELS)
LEVEL_SET = frozenset(LEVELS)
HTTP_CLASSES = ("[1xx]", "[2xx]", "[3xx]", "[4xx]", "[5xx]")
VALUES = (
    "[time]",
    "[host]",
    "[num]",
    "[ip]",
    "[mac]",
    "[uuid]",
    "[hex]",
    "[id]",
    "[path]",
    "[url]",
    "[agent]",
    "[mail]",
    "[blob]",
    "[bin]",
)
TYPED_TOKENS = LEVELS + HTTP_CLASSES + VALUES

_LEVEL_OF = {word: f"[{level}]" for word, level in LEVEL_OF_WORD.items()}
_LEVEL_OF_SIGN = {sign: f"[{level}]" for sign, level in LEVEL_OF_SIGN.items()}
_LEVEL_OF_LETTER = {letter: f"[{level}]" for letter, level in LEVEL_OF_LETTER.items()}
_CLASS_OF = {
    "informational": "[1xx]",
    "successful": "[2xx]",
    "redirection": "[3xx]",
    "clienterror": "[4xx]",
    "servererror": "[5xx]",
}

_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_ZONE = "(?:Z| ?[+-]0{2}:?0{2}| (?:UTC|GMT|CES?T|[EMP][SD]T))?"
_CLOCK = f"0{{1,2}}:0{{1,2}}:0{{1,2}}(?:[.,:]0{{1,9}})?{_ZONE}"
_TIME = "|".join(
    (
        f"0{{4}}[-/.]0{{2}}[-/.]0{{2}}(?:[T _-]+(?:{_CLOCK}|0{{2}}\\.0{{2}}\\.0{{2}}(?:\\.0+)?))?",
        f"(?:{_DAY},? )?{_MONTH} [ 0]0(?: 0{{4}})? {_CLOCK}(?: 0{{4}})?",
        f"(?:{_DAY},? )?0{{1,2}}[ /-]{_MONTH}[ /-]0{{4}}[ :]{_CLOCK}",
        f"0{{2}}[-/]0{{2}}(?:[-/]0{{2,4}})?[ -]{_CLOCK}",
        f"0{{8}}-{_CLOCK}",
        _CLOCK,
    )
)
_FACILITY = "kern|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|authpriv|ftp|local0"
_UPPER = "|".join(word.upper() for word in sorted(_LEVEL_OF, key=len, reverse=True))
_LOWER = "|".join(sorted(_LEVEL_OF, key=len, reverse=True))

# Each alternative is (token or group name, pattern); the first that matches wins. Quantifiers are
# bounded and sets disjoint, so that no line makes the scan slower than linear by more than a
# constant.
_RULES: tuple[tuple[str, str], ...] = (
    ("bin", r"[�\x01-\x08\x0e-\x1f\x7f-\x9f]+"),
    ("agent", r"(?<=\")[A-Za-z][\w-]{1,32}/0[^\"]{0,600}(?=\")"),
    ("url", r"(?<![A-Za-z])[A-Za-z][A-Za-z+.]{1,11}://[^\s\"'<>\])},]+"),
    ("mail", r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}\.[A-Za-z][\w.-]{1,63}"),
    ("klog", rf"(?<![^\s\"])(?P<klog_level>[IWEF])0{{4}} {_CLOCK}"),
    ("redis", rf"^0+:[MSCX] 0{{1,2}} {_MONTH} 0{{4}} {_CLOCK} (?P<redis_level>[#*.-])(?= )"),
    ("android", rf"^0{{2}}-0{{2}} {_CLOCK} +0+ +0+ (?P<android_level>[VDIWEF])(?= )"),
    ("mac", r"(?i:(?<![\w:])[0a-f]{2}(?:[:-][0a-f]{2}){5,7}(?![\w:]))"),
    ("time", rf"(?<![\w.])(?:{_TIME})(?!\w)|^0{{10}}(?:\.0+)?(?=\s)|^0{{6}} 0{{6}}(?= )"),
    ("kernel", r"^\[ *0+\.0{6}\]"),
    ("uuid", r"(?i:(?<!\w)[0a-f]{8}-[0a-f]{4}-[0a-f]{4}-[0a-f]{4}-[0a-f]{12}(?!\w))"),
    ("ip", r"(?<![\w.])/?0{1,3}(?:\.0{1,3}){3}(?:[:/#]0{1,5})?(?![\w.]*\w)"),
    (
        "ip6",
        r"(?i:(?<![\w:.])(?=[0a-f:.]*:[0a-f:.]*:)(?=[0a-f:.]*[0])[0a-f]{0,4}"
        r"(?::[0a-f]{0,4}){2,7}(?:[.%/][\w.]{1,32})?(?![\w:]))",
    ),
    ("pri", r"<pri-(?P<pri_level>[a-z]+)>"),
    (
        "key",
        rf"(?i:(?:level|lvl|severity|sev)[\"']?[=:]\s{{0,2}}[\"']?"
        rf"(?P<key_level>{_LOWER})(?![a-z]))",
    ),
    ("bracket", rf"(?i:(?<=[\[<])(?:[a-z_0]{{1,32}}[:.])?(?P<bracket_level>{_LOWER})0?(?=[\]>]))"),
    ("upper", rf"(?<![A-Za-z_.])(?P<upper_level>{_UPPER})(?![A-Za-z_.=-])"),
    (
        "facility",
        rf"(?<![^\s])(?:{_FACILITY}) {{0,4}}[.:](?P<facility_level>{_LOWER})(?= {{0,4}}[\s:])",
    ),
    # behind a word it is what the record says: "status error: …"
    ("prefix", rf"(?i:(?<![\w.])(?<![a-z,] )(?P<prefix_level>{_LOWER})(?=0?(?: 0{{1,2}})?:\s))"),
    ("postgres", r"(?<![^\s])LOG(?=:? )"),
    ("column", r"(?<=, )(?P<column_level>Info|Warning|Error)(?= {2})"),
    ("http", r"(?P<http_class>informational|successful|redirection|clienterror|servererror)-0*"),
    (
        "path",
        r"(?<![\w/.])(?:~|\.{1,2})?/[^\s\"'<>|()\[\]{},;:/][^\s\"'<>|()\[\]{},;:]*"
        r"|(?<=\s)/(?=\s)|(?<!\w)[A-Za-z]:\\[^\s\"'<>|]+",
    ),
    ("hex", r"(?i:(?<!\w)0x[0a-f]+(?!\w)|(?<!\w)(?=[a-f]*0)(?=0*[a-f])[0a-f]{6,}(?!\w))"),
    (
        "blob",
        r"(?<![\w+/=])(?=[A-Za-z+/=_-]{0,200}0)[\w+/=-]{32,}"
        r"|(?<![\w+/=])[\w+/=-]{64,}",
    ),
    (
        "id",
        r"(?<![\w.:@-])(?=[0_.:@-]{0,64}[A-Za-z])"
        r"[A-Za-z_.:@-]{0,32}0++(?:[A-Za-z_.:@-]{1,32}0++)+[A-Za-z_.:@-]*",
    ),
    ("num", r"[-+]?0++(?:[.,:*/-]0++(?![xX]))*(?:[eE][-+]?0+)?"),
    ("word", r"[^\W\d_]+"),
    ("rest", r"\d+|[\s\"'(){}|;=!?*&%$#@^`>\]]+|[\W_]"),
)
_SCAN = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _RULES))
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_ANSI = re.compile(r"\x1b\[[0-?]{0,32}[ -/]{0,4}[@-~]")  # ECMA-48 control sequences
# RFC 5424 (with its version) and RFC 3164, as syslog daemons write them
_HEADER = re.compile(
    rf"^(?:<pri-[a-z]+>(?P<version>0 )?)?(?:0{{4}}-0{{2}}-0{{2}}T{_CLOCK}|{_MONTH} [ 0]0 {_CLOCK})"
    rf" (?P<host>[\w.-]{{1,255}}) (?(version)|(?=(?:(?:{_FACILITY})\.[a-z]+ )?"
    r"[\w./()@-]{1,64}(?:\[0+\])?:))"
)
_TYPED_OF_RULE = {
    name: f"[{name}]"
    for name in (
        "agent",
        "url",
        "mail",
        "time",
        "uuid",
        "mac",
        "ip",
        "path",
        "hex",
        "blob",
        "id",
        "num",
        "bin",
    )
} | {"ip6": "[ip]", "kernel": "[time]"}
_LETTER_RULES = {
    "klog": _LEVEL_OF_LETTER,
    "android": _LEVEL_OF_LETTER,
    "redis": _LEVEL_OF_SIGN,
}
# a bare word right behind one of these is a level too: "<time> error <message>"
_BEFORE_LEVEL = frozenset(("[time]", "[host]"))
_HEADER_WORDS = 10
_HEADER_TOKENS = LEVEL_SET | _BEFORE_LEVEL
_BARE_LEVELS = frozenset(
    (
        *("debug", "info", "notice", "warn", "warning", "error"),
        *("crit", "critical", "alert", "emerg", "fatal"),
    )
)


def normalize(shape: bytes) -> str:
    """Return the text of a shape: at most ``WORD_LIMIT`` words and typed tokens, or ``""``.

    Bytes that are not UTF-8 become ``[bin]``. Never raises, whatever the bytes.

    >>> normalize(b"Jan 00 00:00:00 web sshd[0000]: error: no such user from 00.0.0.00 port 00000")
    '[time] [host] sshd [num] [error] no such user from [ip] port [num]'
    """
    line = shape[:SHAPE_LIMIT].decode("utf-8", "replace").replace("\x00", "")
    if "\x1b" in line:
        line = _ANSI.sub("", line)
    words: list[str] = []
    header = _HEADER.match(line)
    if header is None:
        _scan(line, 0, len(line), words)
    else:
        _scan(line, 0, header.start("host"), words)
        words.append("[host]")
        _scan(line, header.end("host"), len(line), words)
    return " ".join(words[:WORD_LIMIT])


def _scan(line: str, start: int, end: int, words: list[str]) -> None:
    """Append the words and typed tokens of ``line[start:end]`` to ``words``."""
    has_level = not LEVEL_SET.isdisjoint(words)
    for found in _SCAN.finditer(line, start, end):
        rule = found.lastgroup or "rest"
        if rule in _TYPED_OF_RULE:
            typed = _TYPED_OF_RULE[rule]
            if not words or words[-1] != typed:
                words.append(typed)
                if len(words) > WORD_LIMIT:
                    return
        elif rule == "http":
            words.append(_CLASS_OF[found["http_class"]])
        elif rule == "word" and (has_level or not _is_bare_level(found[0], words)):
            words += _CAMEL.sub(" ", found[0]).lower().split()
        elif rule != "rest":
            if rule in _LETTER_RULES:
                words.append("[time]")
            level, word = _level(rule, found)
            as_level = not has_level and found.start() <= LEVEL_WINDOW
            words.append(level if as_level else word)
            has_level = has_level or as_level


def _is_bare_level(word: str, words: list[str]) -> bool:
    return bool(words) and words[-1] in _BEFORE_LEVEL and word.lower() in _BARE_LEVELS


def _level(rule: str, found: re.Match[str]) -> tuple[str, str]:
    """Return the level token that a rule found, and the word for where it is not the level."""
    if rule == "postgres":
        return "[info]", "log"
    if rule in _LETTER_RULES:
        letter = found[f"{rule}_level"]
        return _LETTER_RULES[rule][letter], letter.lower()
    name = found[0 if rule == "word" else f"{rule}_level"].lower()
    return _LEVEL_OF[name], name


def body_start(words: Sequence[str]) -> int:
    """Return the position at which the body begins, behind time, host, program and level.

    0 if there is next to nothing but a header: then that is all that there is to read.

    >>> body_start("[time] [host] sshd [num] [error] no such user".split())
    5
    """
    end = 0
    for i, word in enumerate(words[:_HEADER_WORDS]):
        if word in _HEADER_TOKENS or (word == "[num]" and end > 0 and i <= end + 2):
            end = i + 1
    return end if len(words) - end >= 2 else 0


def level_of(text: str) -> str | None:
    """Return the level token that a text carries, or None.

    >>> level_of("[time] [error] no such user")
    '[error]'
    """
    for word in text.split(" "):
        if word in LEVEL_SET:
            return word
    return None
