"""The table of rules by which secrets are found in log lines.

Each rule is a name, guards and a pattern. The guards are plain strings in lower case: a line that
holds none of them costs no more than their search. The patterns cannot be made slow by a line:
every quantifier is bounded or possessive, and words that could begin a match begin it once.

A rule works on a shape (digits as ``0``, letters as they were) as it does on the line itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_ISSUERS = (
    # first digits and lengths of payment cards: ISO/IEC 7812 and what the networks publish
    (r"4", (13, 16, 19)),
    (r"5[1-5]|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720", (16,)),
    (r"3[47]", (15,)),
    (r"6011|64[4-9]|65", (16, 19)),
    (r"35(?:2[89]|[3-8]\d)", (16,)),
    (r"3(?:0[0-5]|[68])", (14,)),
    (r"62", (16, 17, 18, 19)),
)
_CARDS = tuple((re.compile(first), lengths) for first, lengths in _ISSUERS)


def is_card(found: str) -> bool:
    """Return whether digits (and separators) are a payment card's: issuer, length, Luhn's sum.

    >>> is_card("4111 1111 1111 1111"), is_card("4111 1111 1111 1112")
    (True, False)
    """
    digits = [int(character) for character in found if character.isdecimal()]
    number = "".join(map(str, digits))
    if not any(first.match(number) and len(digits) in lengths for first, lengths in _CARDS):
        return False
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _always(_: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Rule:
    """``pattern`` finds the secret as its group ``secret`` or ``quoted``, else as the whole match.

    ``guards`` are strings in lower case of which a line must hold one (none: each line is looked
    at); ``check`` has the last word on what was found.
    """

    name: str
    guards: tuple[str, ...]
    pattern: re.Pattern[str]
    check: Callable[[str], bool] = _always


# What can stand behind a key: quoted, or up to a blank or to what begins the next pair. What is
# masked already stays, and so do words by which programs speak of a secret without saying it.
_NOTHING = (
    r"(?!\\{0,3}[\"']?(?:\[masked:|\*{3}|%[sv]|(?i:true|false|yes|no|none|null|nil|undefined|empty"
    r"|changed|expired|incorrect|invalid|wrong|missing|required|too|must|is|was|not|failed|failure"
    r"|authentication|for|from|on|at|hidden|redacted|filtered|masked)(?![\w-])))"
)
_QUOTED = r"(?P<quote>\\{0,3}[\"'])(?P<quoted>(?:(?!(?P=quote)).){1,4096}+)"
_BARE = r"(?:[^\s,;&\"'<>\\]|[,;&](?!\s|$|[\w.-]{1,40}=)|\\(?![\"'])){1,4096}+"
_VALUE = rf"{_NOTHING}(?:{_QUOTED}|(?P<secret>{_BARE}))"
_IS = r"\\{0,3}[\"']?\s{0,3}(?:=>|:=|=|:)\s{0,3}"
# A token that a program only speaks of ("unexpected token: else") is short and has no digit; the
# path of a key is none.
_LIKE_A_KEY = (
    r"(?:(?<==)|(?<=[\"']:)|(?<=[\"']:\s)"
    r"|(?=\\{0,3}[\"']?(?:[^\s,;&\"'0-9]{0,64}[0-9]|[^\s,;&\"']{20})))(?!/(?:etc|var|opt|run)/)"
)
_TOKENS = (
    r"(?:token|api[_-]?key|access[_-]?key(?:[_-]?id)?|secret[_-]?key|private[_-]?key"
    r"|account[_-]?key|encryption[_-]?key|signing[_-]?key|credentials?)"
)

RULES = (
    Rule(
        "private-key",
        ("private key-----",),
        re.compile(
            r"(?<=-----BEGIN )(?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY-----"
            r"(?P<secret>(?!\[masked:)(?:[^-]|-(?!----))++)"
        ),
    ),
    # the lines between, where each is a record of its own; a bare hash is no key
    Rule(
        "private-key-line",
        (),
        re.compile(
            r"^(?=[0-9]{0,60}[A-Za-z+/])(?![0-9a-f]{60,128}$|[0-9A-F]{60,128}$)"
            r"(?=[a-z0-9+/]{0,75}[A-Z])(?=[A-Z0-9+/]{0,75}[a-z])"
            r"[A-Za-z0-9+/]{60,76}={0,2}$"
        ),
    ),
    Rule(
        "jwt",
        ("eyj",),
        re.compile(r"(?<![\w-])eyJ[\w-]{8,}+\.[\w-]*+(?:\.[\w-]*+){0,3}"),
    ),
    Rule(
        "url-credentials",
        ("://",),
        re.compile(
            r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{1,30}://"
            r"(?:[^\s/?#:@\[\"'<>]{0,128}+:(?!\[masked:)(?P<secret>[^\s/\"'<>]{1,256})(?=@)"
            r"|(?P<quoted>[A-Za-z0-9_-]{20,256}+)(?=@))"
        ),
    ),
    Rule(
        "authorization",
        ("authorization", "bearer"),
        re.compile(
            rf"(?i:authorization{_IS}\\{{0,3}}[\"']?"
            r"(?:(?:basic|bearer|digest|negotiate|ntlm|token|apikey|splunk)\s{1,3})?+"
            r"|(?<![a-z])bearer\s{1,3}(?=[\w.~+/=-]{0,64}[0-9]|[\w.~+/=-]{20}))"
            rf"{_NOTHING}(?P<secret>{_BARE})"
        ),
    ),
    Rule(
        "cookie",
        ("cookie",),
        re.compile(
            rf"(?i:cookie2?{_IS})\\{{0,3}}[\"']?(?!\[masked:)"
            r"(?P<secret>[\w.!#$%&*+^`|~-]{1,128}+=[^\s;\"']++(?:;\s?[^\s;\"']++)*+)"
        ),
    ),
    Rule(
        "aws-key",
        ("akia", "asia", "aroa", "aida"),
        re.compile(r"(?<![A-Za-z0-9])A(?:KI|SI|RO|ID)A[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ),
    Rule(
        "gcp-key",
        ("aiza", "ya29.", "ya00.", "gocspx-"),
        re.compile(r"(?<![\w-])(?:AIza[\w-]{35}|ya(?:29|00)\.[\w-]{20,}+|GOCSPX-[\w-]{20,}+)"),
    ),
    Rule(
        "github-key",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-"),
        re.compile(
            r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{20,}+|(?:github_pat_|glpat-)[\w-]{20,}+)"
        ),
    ),
    Rule(
        "slack-key",
        ("xox", "xapp-", "hooks.slack.com"),
        re.compile(
            r"(?<![A-Za-z0-9])(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,}+"
            r"|hooks\.slack\.com/(?:services|workflows)/(?P<secret>[\w/-]{20,}+)"
        ),
    ),
    Rule(
        "vendor-key",
        ("sk-", "_live_", "_test_", "whsec_", "npm_", "hvs.", "sg.", "pypi-"),
        re.compile(
            r"(?<![A-Za-z0-9])(?:sk-[\w-]{20,}+|[srp]k_(?:live|test)_[A-Za-z0-9]{16,}+"
            r"|whsec_[\w+/=-]{20,}+|npm_[A-Za-z0-9]{36}|hvs\.[\w-]{20,}+"
            r"|SG\.[\w-]{16,}+\.[\w-]{16,}+|pypi-[\w-]{40,}+)"
        ),
    ),
    Rule(
        "password",
        ("passw", "pass", "pwd", "secret"),
        re.compile(
            r"(?i:passw(?:or)?ds?|passphrase|(?<![a-z])pass|(?<![a-z])pwd|secret"
            rf"|(?<=_)pass(?=\W)){_IS}{_VALUE}"
        ),
    ),
    Rule(
        "token",
        ("token", "key", "credential"),
        re.compile(rf"(?i:{_TOKENS}){_IS}{_LIKE_A_KEY}{_VALUE}"),
    ),
    # a short one is a number that programs count their sessions by
    Rule(
        "session-id",
        ("sess",),
        re.compile(
            rf"(?i:[jp]?(?:hp)?sess(?:ion)?[_-]?id){_IS}\\{{0,3}}[\"']?(?P<secret>[\w%+/=.-]{{16,}}+)"
        ),
    ),
    Rule(
        "signature",
        ("sig=", "signature="),
        re.compile(
            r"(?i:[?&](?:x-amz-|x-goog-)?sig(?:nature)?=)(?!\[masked:)(?P<secret>[^\s&\"'<>]++)"
        ),
    ),
    Rule(
        "option",
        (" -p", "-pass", "-token", "-secret", "-api", " -u", "--user", "requirepass", "masterauth"),
        re.compile(
            r"(?:(?<![\w-])--?(?:pass(?:word|wd|phrase)?|token|secret|api-?key)\s{1,3}(?!-)"
            r"|(?<!\w)(?:requirepass|masterauth)\s{1,3}"
            r"|(?<!\w)(?:mysql|mariadb)\w{0,16}\s(?:[^\s|;]{1,64}\s{1,3}){0,16}?-p"
            r"|(?<!\w)sshpass\s{1,3}-p\s{0,3}"
            r"|(?<!\w)curl\s(?:[^\s|;]{1,256}\s{1,3}){0,16}?(?:-u|--user)[\s=]{0,3}[^\s:]{1,64}:)"
            rf"(?!\[masked:)(?:{_QUOTED}|(?P<secret>{_BARE}))"
        ),
    ),
    Rule(
        "sql-password",
        ("identified", "password"),
        re.compile(
            r"(?i:identified\s{1,3}(?:with\s{1,3}\S{1,64}\s{1,3})?by(?:\s{1,3}password)?"
            r"|(?<!\w)password)\s{1,3}(?P<quote>\\{0,3}['\"])"
            r"(?!\[masked:)(?P<quoted>(?:(?!(?P=quote)).){1,256}+)(?=(?P=quote))"
        ),
    ),
    Rule(
        "card-number",
        (),
        re.compile(
            r"(?<![\w.-])(?:[2-6]\d{12,18}"
            r"|[2-6]\d{3}(?P<gap>[ -])\d{4}(?P=gap)\d{4}(?P=gap)\d{1,7}"
            r"|3\d{3}(?P<amex>[ -])\d{6}(?P=amex)\d{4,5})(?![\w-]|\.\d)"
        ),
        is_card,
    ),
)
NAMES = tuple(rule.name for rule in RULES)
