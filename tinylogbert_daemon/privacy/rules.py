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

from tinylogbert_daemon.privacy.numbers import is_card, is_iban


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
# ends at a quote like the first: one with more backslashes before it is part of the value
_QUOTED = (
    r"(?P<quote>(?P<escaped>\\{1,3})?[\"'])"
    r"(?P<quoted>(?:(?(escaped)(?!(?<!\\)(?P=quote)).|(?:\\.|(?!(?P=quote)).))){1,4096}+)"
)
_BARE = r"(?:[^\s,;&\"'<>\\]|[,;&](?!\s|$|[\w.-]{1,40}=)|\\(?![\"'])){1,4096}+"
# as of Digest: name="value", name=value
_PARAMETERS = (
    r"(?:[\w-]{1,20}=(?:\"[^\"]{0,512}\"|[^\s,\"\[]{1,512})"
    r"(?:,\s{0,3}(?=[\w-]{1,20}=)|(?!\S))){2,16}+"
)
_VALUE = rf"{_NOTHING}(?:{_QUOTED}|(?P<secret>{_BARE}))"
_IS = (
    r"(?:\\{0,3}[\"']?(?:\s{1,3}is(?=\s{0,3}[:=]))?\s{0,3}(?:=>|:=|=|:)\s{0,3}"
    r"|>(?=[^\s<>=]))"  # an element of XML
)
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
# what GitLab documents as the prefixes of its tokens
_GITLAB = (
    *("glpat-", "gldt-", "glrt-", "glft-", "glcbt-", "glptt-", "glsoat-", "glimt-", "gloas-"),
    *("glagent-", "glffct-"),
)

RULES = (
    Rule(
        "private-key",
        ("private key-----", "private key block-----"),
        re.compile(
            r"(?<=-----BEGIN )(?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
            r"(?P<secret>(?!\[masked:)(?:[^-]|-(?!----))++)"
        ),
    ),
    # the lines between, where each is a record of its own, of the lengths that are usual where
    # something stands before it; a bare hash is no key
    Rule(
        "private-key-line",
        (),
        re.compile(
            r"(?:^(?=[A-Za-z0-9+/]{60,76}={0,2}$)"
            r"|(?<=[\s:])(?=(?:[A-Za-z0-9+/]{64}|[A-Za-z0-9+/]{70}|[A-Za-z0-9+/]{76})\s?$))"
            r"(?=[0-9]{0,60}[A-Za-z+/])(?![0-9a-f]{60,128}\s?$|[0-9A-F]{60,128}\s?$)"
            r"(?=[a-z0-9+/]{0,75}[A-Z])(?=[A-Z0-9+/]{0,75}[a-z])"
            r"[A-Za-z0-9+/]{60,76}={0,2}"
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
            r"(?:[^\s/?#:\[\"'<>]{0,128}+:(?!\[masked:)(?P<secret>[^\s/\"'<>]{1,256})(?=@)"
            r"|(?P<quoted>[A-Za-z0-9_-]{20,256}+)(?=@))"
        ),
    ),
    Rule(
        "authorization",
        ("authorization", "bearer"),
        re.compile(
            rf"(?i:authorization{_IS}\[?+\\{{0,3}}+[\"']?+"
            r"(?:(?:basic|bearer|digest|negotiate|ntlm|token|apikey|splunk|hawk|oauth|signature"
            r"|aws[0-9]-hmac-sha[0-9]{3})(?:\s{1,3}|%20))?+"
            r"|(?<![a-z])bearer\s{1,3}(?=[\w.~+/=-]{0,64}[0-9]|[\w.~+/=-]{20}))"
            rf"{_NOTHING}(?P<secret>{_PARAMETERS}|{_BARE})"
        ),
    ),
    Rule(
        "cookie",
        ("cookie",),
        re.compile(
            rf"(?i:cookies?2?{_IS})\[?\\{{0,3}}[\"']?(?!\[masked:)"
            r"(?P<secret>[\w.!#$%&*+^`|~-]{1,128}+=(?:\"[^\";]{1,512}\"|[^\s;\"']++)"
            r"(?:;\s?[^\s;\"']++)*+|\{[^{}]{1,4096}+\})"
        ),
    ),
    Rule(
        "aws-key",
        ("akia", "asia", "aroa", "aida", "abia", "acca"),
        re.compile(r"(?<![A-Za-z0-9])A(?:KI|SI|RO|ID|BI|CC)A[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ),
    Rule(
        "gcp-key",
        ("aiza", "ya29.", "ya00.", "gocspx-"),
        re.compile(r"(?<![\w-])(?:AIza[\w-]{35}|ya(?:29|00)\.[\w-]{20,}+|GOCSPX-[\w-]{20,}+)"),
    ),
    Rule(
        "github-key",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", *_GITLAB),
        re.compile(
            r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{20,}+|github_pat_[\w-]{20,}+"
            rf"|(?:{'|'.join(_GITLAB)})[\w-]{{20,}}+)"
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
        (
            *("sk-", "_live_", "_test_", "whsec_", "npm_", "hvs.", "sg.", "pypi-", "dop_v", "hf_"),
            *("shpat_", "shpca_", "shppa_", "shpss_", "key-", ":aa", "webhooks/", "age-secret-"),
        ),
        re.compile(
            r"(?<![A-Za-z0-9])(?:sk-[\w-]{20,}+|[srp]k_(?:live|test)_[A-Za-z0-9]{16,}+"
            r"|whsec_[\w+/=-]{20,}+|npm_[A-Za-z0-9]{36}|hvs\.[\w-]{20,}+"
            r"|SG\.[\w-]{16,}+\.[\w-]{16,}+|pypi-[\w-]{40,}+|dop_v[0-9]_[0-9a-f]{40,}+|hf_[A-Za-z]{30,}+"
            r"|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|key-[0-9a-f]{32}(?!\w)"
            r"|AGE-SECRET-KEY-[A-Z0-9]{50,}+)"
            r"|(?<=[0-9]:)AA[\w-]{32,33}(?![\w-])"  # Telegram's, behind the bot's number
            r"|discord(?:app)?\.com/api/webhooks/[0-9]{1,24}/(?P<secret>[\w-]{20,}+)"
        ),
    ),
    Rule(
        "password",
        ("passw", "pass", "pwd", "secret", "otp", "cvv", "cvc"),
        re.compile(
            r"(?i:passw(?:or)?[dt]s?|passphrase|passcode|(?<![a-z])pass|(?<![a-z])pwd|secret"
            rf"|(?<=_)pass(?=\W)|(?<![a-z])(?:otp|cv[vc]2?)(?={_IS}\\{{0,3}}[\"']?[0-9])"
            rf"){_IS}{_VALUE}"
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
        (
            *(" -p", "-pass", "-token", "-secret", "-api", " -u", "--user", "requirepass"),
            *("masterauth", "redis-cli", "ldap", "rediscli_auth"),
        ),
        re.compile(
            r"(?:(?<![\w-])--?(?:[a-z0-9]{1,20}-){0,3}(?:pass(?:word|wd|phrase)?|token|secret|api-?key)"
            r"\s{1,3}(?!-)"
            r"|(?<!\w)REDISCLI_AUTH="
            r"|(?<!\w)(?:requirepass|masterauth)\s{1,3}"
            r"|(?<!\w)(?:mysql|mariadb)\w{0,16}\s(?:(?!-p)[^\s|;]{1,64}\s{1,3}){0,16}-p"
            r"|(?<!\w)redis-cli\s(?:(?!-a\s)[^\s|;]{1,64}\s{1,3}){0,16}-a\s{1,3}"
            r"|(?<!\w)ldap[a-z]{1,10}\s(?:(?!-w\s)[^\s|;]{1,128}\s{1,3}){0,16}-w\s{1,3}"
            r"|(?<!\w)(?:docker|podman)\slogin\s(?:(?!-p\s)[^\s|;]{1,128}\s{1,3}){0,8}-p\s{1,3}"
            r"|(?<!\w)sshpass\s{1,3}-p\s{0,3}"
            r"|(?<!\w)curl\s(?:(?!-u|--user)[^\s|;]{1,256}\s{1,3}){0,16}(?:-u|--user)[\s=]{0,3}[^\s:]{1,64}:)"
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
    Rule(
        "iban",
        (),
        re.compile(
            r"(?<![A-Za-z0-9])[A-Z]{2}\d\d(?:[A-Z0-9]{11,30}+|(?:\s[A-Z0-9]{4}){2,7}(?:\s[A-Z0-9]{1,4})?)"
            r"(?![A-Za-z0-9])"
        ),
        is_iban,
    ),
)
NAMES = tuple(rule.name for rule in RULES)
