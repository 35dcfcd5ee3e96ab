"""The levels that logs give their records, and the words and numbers by which they say them."""

from __future__ import annotations

LEVELS = ("debug", "info", "notice", "warn", "error", "fatal")

_WORDS = {
    "debug": "trace debug verbose fine finer finest",
    "info": "info information",
    "notice": "notice",
    "warn": "warn warning",
    "error": "err error severe failure",
    "fatal": "fatal crit critical alert emerg emergency panic",
}
LEVEL_OF_WORD = {word: level for level, words in _WORDS.items() for word in words.split()}
LEVEL_OF_SIGN = {"#": "warn", "*": "notice", "-": "info", ".": "debug"}  # Redis
LEVEL_OF_LETTER = {
    "V": "debug",
    "D": "debug",
    "I": "info",
    "W": "warn",
    "E": "error",
    "F": "fatal",
}
LEVEL_OF_SEVERITY = ("fatal", "fatal", "fatal", "error", "warn", "notice", "info", "debug")
"""By severity, RFC 5424 section 6.2.1; a priority's is its remainder modulo 8."""
