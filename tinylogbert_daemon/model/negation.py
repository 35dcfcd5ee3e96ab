"""What a record says there was none of: ``errors=0``, ``no failures``, ``"error":null``.

With its digits taken out, ``errors=0`` would read like ``errors=5``, and the severity head, which
goes by the words, takes "no errors" for more trouble than silence. So each of these becomes
``ok 0``. Only words of trouble are known here, and no other "no": what is missing may well be the
trouble ("no space left", "no route to host").
"""

from __future__ import annotations

import re

from tinylogbert_daemon.model.substitution import Floating

# a guard; what there was none of; what is counted: "dropped 0" counts, "failed 0" may not
_TROUBLE = (
    (b"rr", "[eE]rr(?:or)?", "[eE]rrors"),
    (b"ail", "[fF]ail(?:ure|ed)?", "[fF]ail(?:ure)?s"),
    (b"xception", "[eE]xception", "[eE]xceptions"),
    (b"roblem", "[pP]roblem", "[pP]roblems"),
    (b"arning", "[wW]arning", "[wW]arnings"),
    (b"rop", "[dD]rop(?:ped)?", "[dD]rop(?:s|ped)"),
)
_END_OF_FIELD = r"(?=[.!]?[\"']?[ \t\r]*(?:[,;)\]}|]|\Z))"
_ZERO = r"0(?![\w%/:-]|[.,][0-9])"
_IS = r"[\"']? ?[=:] ?[\"']?"
_NO = r"(?<![\w-])(?:[nN]o|[wW]ithout(?: any)?)"
# a bare 0 may number what failed ("disk 0 failed"): it counts only in a list or behind such words
_COUNTING = (
    r"(?:\A|(?<=[(\[,;:=|])|(?<=[()\[\],;:=|] )"
    r"|(?<=\b[wW]ith )|(?<=\band )|(?<=\b[fF]ound )|(?<=\b[gG]ot ))"
)


def _pattern(one: str, many: str) -> str:
    """Return what says that there was none; all quantifiers are bounded."""
    return "|".join(
        (
            rf"{_NO} (?:{many}(?!\w)|{one}{_END_OF_FIELD})",
            # an exit code of 0 is "zero" already
            rf"{_COUNTING}(?:0|[zZ]ero) (?:{many}|{one})(?!\w)",
            rf"{many}(?:{_IS}| {{1,8}}|\.{{2,64}}){_ZERO}",
            # "level=error count=0" is a level and a count of something else
            rf"(?<![=:\[<(])(?:{one}|{many})[_-]?(?:[cC]ount|[tT]otal)(?:{_IS}| {{1,8}}){_ZERO}",
            rf"{one}(?:[\"']?=[\"']?|\.{{2,64}}){_ZERO}",
            rf"{one}[\"']?: ?[\"']?0{_END_OF_FIELD}",
            # as a field alone: "Exception: null" is one without a message
            rf"{one}(?:[\"']?=|[\"']: ?)(?:(?:null|nil|<nil>|None|none|false)(?![\w.-])|\"\"|'')",
        )
    )


_SAYS_NONE = re.compile("|".join(_pattern(one, many) for _, one, many in _TROUBLE).encode())

NEGATION = Floating(
    "negation",
    tuple(guard for guard, _, _ in _TROUBLE),
    _SAYS_NONE,
    _SAYS_NONE,
    lambda _: b" ok 0 ",
)
