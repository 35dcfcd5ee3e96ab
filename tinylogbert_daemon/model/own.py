"""Our own lines, when they come back through syslog, the journal or a container's log.

An alert that is logged goes to the journal, the journal to ``/var/log/syslog``, and that is read:
what we wrote ourselves is counted, but never scored and never learned.

Only the place where a format says which program speaks counts, so that nobody hides a line from
us by naming us in it. Works on shapes (digits as ``0``), of which each is looked at once.
"""

from __future__ import annotations

import re

_NAME = rb"tinylogbert"

_CLOCK = rb"00?:00:00(?:[.,]0{1,9})?"
_ISO = rb"0000-00-00[T ]" + _CLOCK + rb"(?:Z|[+-]00:?00)?"
_TIME = (
    rb"(?:[A-Z][a-z]{2} [ 0]0 (?:0000 )?" + _CLOCK  # RFC 3164, journalctl -o short
    + rb"|(?:[A-Z][a-z]{2} )?" + _ISO + rb"(?: [A-Z]{3,5})?"  # RFC 5424, -o short-iso, short-full
    + rb"|\[ {0,8}0{1,12}\.0{1,9}\]|0{9,12}\.0{1,9})"  # -o short-monotonic, short-unix
)  # fmt: skip
_PRIORITY = rb"(?:<[\w-]{1,16}>)?"
_SYSLOG = (
    _PRIORITY + rb"(?:0 )?" + _TIME + rb" (?:[^ ]{1,255} )??(?:[a-z0]{2,8}\.[a-z]{2,8} )?"
    # rsyslog writes no colon behind the name of what came as RFC 5424
    rb"(?:[\w./-]{0,128}/)?" + _NAME + rb"(?:(?:\[0+\])?:|\[0+\] )"
    # RFC 5424 as it is sent: application, process, message id, structured data
    rb"|" + _PRIORITY + rb"0 " + _ISO + rb" [^ ]{1,255} " + _NAME + rb" [^ ]{1,128} [^ ]{1,32} "
)
_OWN_JSON = rb'\{"logger": ?"' + _NAME + rb'"'
_CONSOLE = rb"0000-00-00T00:00:00[0.]*Z \[\w+ *\] " + _NAME + rb": "
# CRI (Kubernetes), docker compose, kubectl logs --timestamps
_CONTAINER = (
    rb"(?:" + _ISO + rb" (?:std(?:out|err) [FP] )?|[\w.-]{1,128} {1,64}\| )?"
    rb"(?:" + _OWN_JSON + rb"|" + _CONSOLE + rb")"
)
# Docker's json-file: the line stands in it as a string
_DOCKER = rb'\{"log": ?"(?:\{\\"logger\\": ?\\"' + _NAME + rb'\\"|' + _CONSOLE + rb")"
_LINE = re.compile(rb"|".join((_SYSLOG, _CONTAINER, _DOCKER)))

# A record as one JSON object (journalctl -o json, rsyslog's and syslog-ng's templates, fluent-bit):
# a key of the object itself says it, not one in an object or a string inside it.
_STRING = rb'"(?:[^"\\]|\\.)*+"'
_VALUE = rb"(?:" + _STRING + rb'|\[[^\[\]{}]*+\]|[^\s",\[\]{}]++)'
_KEYS = (
    rb"(?:SYSLOG_IDENTIFIER|syslog_identifier|PROGRAM|program|programname|syslogtag|app[_-]?name"
    rb"|ident)"
)
_OBJECT = re.compile(
    rb"\{\s?(?:" + _STRING + rb"\s?:\s?" + _VALUE + rb"\s?,\s?)*?"
    rb'"' + _KEYS + rb'"\s?:\s?"' + _NAME + rb'(?:\[0*\])?:?"'
)


def is_own(shape: bytes) -> bool:
    """Return whether a record's shape says that this program wrote it.

    >>> is_own(b"Jun 00 00:00:00 web0 tinylogbert[000]: alert"), is_own(b"tinylogbert failed")
    (True, False)
    """
    # the name first: nearly no line has it
    return _NAME in shape and bool(_LINE.match(shape) or _OBJECT.match(shape))
