"""Log calls in source code: the statement, and the level that its author gave it.

Works on C, C++, Go, Java, Lua and Python alike without parsing them: a string literal belongs to
the call that is open where it stands, or into whose result it is streamed; the level is the one
named by that call (``log_error``, ``logger.warn``) or by a constant among the arguments before the
literal (``LOG_ERR``).
"""

import random
import re
from collections.abc import Callable, Iterator

LEVELS = {
    **dict.fromkeys(("debug", "dbg", "trace", "verbose", "fine", "finer", "finest"), "debug"),
    **dict.fromkeys(("debugf", "debugw", "debugln", "debugs", "tracef"), "debug"),
    **dict.fromkeys(("info", "infof", "infow", "infoln", "infos", "informational"), "info"),
    **dict.fromkeys(("notice", "noticef", "log"), "notice"),
    **dict.fromkeys(("warn", "warning", "warnf", "warningf", "warnw", "warnx", "wrn"), "warning"),
    **dict.fromkeys(("warningln", "warnings"), "warning"),
    **dict.fromkeys(("err", "error", "errorf", "errorw", "errorln", "errors", "severe"), "error"),
    **dict.fromkeys(("errx", "exception"), "error"),
    **dict.fromkeys(("crit", "critical", "alert", "emerg", "emergency"), "critical"),
    **dict.fromkeys(("fatal", "fatalf", "fatalln", "fatalx", "panic", "panicf"), "critical"),
}
_VAGUE = {"log", "fine", "errors", "warnings", "err", "alert"}
"""Words that are a level as a call's own name only beside others; ``log("…")`` says nothing."""

RAISED = "raised"
"""The level of an error that is made for a caller, who is to judge it: nobody has logged it yet."""

SUFFIXES = (".c", ".h", ".cc", ".cpp", ".cxx", ".hpp", ".go", ".java", ".lua", ".py")
_CONTEXT = 240
_LEAST_WORDS = 2
_MOST_CHARACTERS = 300

_LITERAL = r'"(?:[^"\\\n]|\\.)*"'
# neighbouring literals are one; C puts macros for the formats of sized integers between them, and
# Java, Go and C++ put values (``"lost " + n + " of "``, ``"lost " << n << " of "``)
_VALUE = r"[^\s\"';{}+<][^\"';{}+<]{0,80}"
_MACRO = r"PRI[a-zA-Z0-9]+"
_BETWEEN = rf"(?:{_MACRO}\s*|\+\s*|\+\s*{_VALUE}\+\s*|<<\s*|<<\s*{_VALUE}<<\s*)"
_TEXT = re.compile(
    rf"{_LITERAL}(?:\s*{_BETWEEN}?{_LITERAL})*(?:\s*(?:\+|<<)\s*(?=[\w(]))?|'(?:[^'\\\n]|\\.)+'"
)
_PIECE = re.compile(rf"({_LITERAL})|({_MACRO})|(?:\+|<<)\s*({_VALUE})?")
# an error that is made for the caller, who is to judge it: no call that logs
_RAISED = re.compile(
    r"(?:^|[.:>])(?!\w*(?:[Ll]og|Print|Report|Show|Write|Emit))[A-Z]\w*(?:Error|Exception|Fault)$"
    r"|\bstd::\w+_error$|\bfmt\.Errorf$|\bx?errors\.[A-Z]\w+$|\bstatus\.Errorf?$"
)
_STREAM = re.compile(r"([A-Za-z_][\w.>:-]*)\s*\(([^()]*)\)\s*(?:\.\w+\(\)\s*)?(?:<<[^;]*)?<<\s*$")
_BOUNDARY = re.compile(r"[;{}]|\*/|//|\n\s*#|\n\s*\n")
_NAME = re.compile(r"[A-Za-z_][\w.>:-]*(?:\([\w.]*\)\.\w+)*\s*$")
_IDENTIFIER = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_CONSTANT = re.compile(r"\b[A-Z][A-Z0-9_]{2,}\b")
_COMMENT = re.compile(r"/\*.*?\*/|^\s*//[^\n]*", re.DOTALL | re.MULTILINE)
_ESCAPE = re.compile(r"\\(?:[ntrabfv0]|x[0-9a-fA-F]{2}|[0-7]{1,3}|u[0-9a-fA-F]{4}|(.))")
_SLOT = re.compile(
    r"%(?:\([\w.]+\))?[-+ #0]*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:hh|h|ll|l|z|j|t|q|L)?([a-zA-Z])"
    r"|%%|\{[\w.()\[\]'!:,*%<>^ -]*\}"
)
_NUMBERS = frozenset("diouDUeEfFgG")
_WORD = re.compile(r"[A-Za-z]{2,}")
_JUNK = re.compile(r"[^\x20-\x7e]|^[\s%/.*-]*[Uu]sage:|[=*-]{8,}|</?\w+>")

_ERRNO = (
    *("No such file or directory", "Permission denied", "Connection refused", "Invalid argument"),
    *("Cannot allocate memory", "No space left on device", "Input/output error", "Broken pipe"),
    *("Connection reset by peer", "Connection timed out", "Resource temporarily unavailable"),
    *("No route to host", "Operation not permitted", "Too many open files", "File exists"),
    *("unexpected EOF", "context deadline exceeded", "Address already in use", "Bad address"),
)
_ERRNO_SHARE = 0.7
_NOUNS = (
    *("alpha", "store", "billing", "edge", "relay", "batch", "mirror", "ledger", "depot", "main"),
    *("atlas", "lantern", "quartz", "copper", "orbit", "default", "cobalt", "heron", "delta"),
    *("falcon", "data", "ember", "summit", "comet", "prism", "raven", "admin", "worker", "eth0"),
)


def statements(source: str) -> Iterator[tuple[str, str]]:
    """Yield ``(level, format)`` of each log call in a file's text; formats still have their slots.

    >>> list(statements('if (x) { log_error(ctx, "cannot open " "%s", p); }'))
    [('error', 'cannot open %s')]
    >>> list(statements('LOG.warn("retry {} of {}", i, n); ereport(ERROR, (errmsg("no way in"),'))
    [('warning', 'retry {} of {}'), ('error', 'no way in')]
    >>> list(statements('raise ValueError("too many of them")'))
    [('raised', 'too many of them')]
    >>> list(statements('LOG(ERROR) << "no " << x << " at all"; warn("lost sight of " + x);'))
    [('error', 'no {} at all'), ('warning', 'lost sight of {}')]
    """
    source = _COMMENT.sub(" ", source)
    end = 0
    for found in _TEXT.finditer(source):
        begin = max(end, found.start() - _CONTEXT)
        end = found.end()
        context = source[begin : found.start()]
        level = _level(context)
        if level is not None:
            text = _joined(found.group())
            if _is_statement(text):
                yield level, text


def _level(context: str) -> str | None:
    """Return the level of the call that is open at the end of ``context``.

    That of a constant such as ``LOG_ERR`` comes before the call's own name: ``log_error(LOG_INFO,``
    is information. A bare ``ERROR`` comes after it.
    """
    context = _BOUNDARY.split(context)[-1]
    streamed = _STREAM.search(context)
    calls = _open_calls(context) + ([streamed.groups()] if streamed else [])
    for name, arguments in reversed(calls):
        constants = [word.lower().split("_") for word in reversed(_CONSTANT.findall(arguments))]
        own = [word.lower() for word in _IDENTIFIER.findall(name.rsplit(">", 1)[-1])]
        if len(own) == 1 and own[0] in _VAGUE:
            own = []
        for words in (*(one for one in constants if len(one) > 1), own, *constants):
            levels = [LEVELS[word] for word in words if word in LEVELS and word != "log"]
            if levels:
                return RAISED if words is own and _RAISED.search(name) else levels[-1]
    return None


def _open_calls(text: str) -> list[tuple[str, str]]:
    """Return the calls whose parenthesis is open at the end of ``text``, with what stands in it."""
    depth = 0
    calls: list[tuple[str, str]] = []
    for at in range(len(text) - 1, -1, -1):
        if text[at] == ")":
            depth += 1
        elif text[at] == "(":
            if depth:
                depth -= 1
                continue
            name = _NAME.search(text[:at])
            if name:
                calls.insert(0, (name.group().strip(), text[at + 1 :]))
    return calls


def _joined(literals: str) -> str:
    """Return the text of neighbouring literals, without escapes; a value between them is a slot."""
    if literals.startswith("'"):
        pieces = [literals[1:-1]]
    else:
        pieces = [
            found[1][1:-1] if found[1] else "u" if found[2] else "{}" * _is_value(found)
            for found in _PIECE.finditer(literals)
        ]
    return _ESCAPE.sub(lambda found: found.group(1) or " ", "".join(pieces)).strip()


def _is_value(joint: re.Match[str]) -> bool:
    """Return whether a ``+`` or ``<<`` has a value behind it, be it the last thing seen."""
    return bool(joint[3]) or joint.end() == len(joint.string)


def _is_statement(text: str) -> bool:
    plain = _SLOT.sub(" ", text)
    return (
        len(_WORD.findall(plain)) >= _LEAST_WORDS
        and " " in plain
        and len(text) <= _MOST_CHARACTERS
        and not _JUNK.search(text)
    )


def filled(statement: str, troubled: bool, rng: random.Random) -> str:
    """Return a format as a program might print it, its slots filled at random.

    What fills a slot says nothing of the level, but for the text of a system's error where the
    statement of a failure ends in one (``…: %s``).
    """

    def value(found: re.Match[str]) -> str:
        slot = found.group()
        if slot == "%%":
            return "%"
        letter = found.group(1) or ""
        last = not statement[found.end() :].strip(" .\")'")
        if letter in {"m", "w"}:
            return rng.choice(_ERRNO)
        ends = last and statement[: found.start()].endswith(": ")
        if ends and troubled and rng.random() < _ERRNO_SHARE:
            return rng.choice(_ERRNO)
        if letter in _NUMBERS and letter:
            return str(rng.randrange(1, 70_000))
        if letter in ("x", "X", "p"):
            prefix = "" if statement[: found.start()].endswith(("0x", "0X")) else "0x"
            return f"{prefix}{rng.randrange(1 << 32):x}"
        return rng.choice(_FILLERS)(rng)

    return _SLOT.sub(value, statement)


_FILLERS: tuple[Callable[[random.Random], str], ...] = (
    lambda rng: rng.choice(_NOUNS),
    lambda rng: rng.choice(_NOUNS),
    lambda rng: f"{rng.choice(_NOUNS)}-{rng.randrange(99)}",
    lambda rng: str(rng.randrange(1, 70_000)),
    lambda rng: f"/var/lib/{rng.choice(_NOUNS)}/{rng.choice(_NOUNS)}",
    lambda rng: f"10.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}",
)
