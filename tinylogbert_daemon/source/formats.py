"""The formats of logs: what stands before a record's message, and what it says.

A table of data, tried in order: the first whose pattern fits a record is its format. Every pattern
begins at the record's first byte and repeats nothing without a limit, so that no record takes
long. The groups of a pattern are those of a date (:mod:`~tinylogbert_daemon.source.dates`),
``priority`` (RFC 5424 section 6.2.1), ``level`` (a word), ``letter``, ``sign`` and ``message``,
where the message begins. What is written as pairs of keys and values (JSON, logfmt, the journal's
export) is read by :mod:`~tinylogbert_daemon.source.fields` instead.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tinylogbert_daemon.levels import LEVEL_OF_WORD
from tinylogbert_daemon.source.dates import (
    ASCTIME,
    BLUE_GENE,
    COMPACT,
    DAY_MONTH_YEAR,
    EPOCH,
    HDFS,
    ISO,
    KLOG,
    MONTH_DAY,
    RFC3164,
    SPARK,
    US,
)


class Format(NamedTuple):
    """``nested`` says that the message may have a header of its own."""

    name: str
    pattern: re.Pattern[bytes]
    nested: bool = False


_WORD = "|".join(sorted(LEVEL_OF_WORD, key=len, reverse=True)).encode()
_LEVEL = rb"(?P<level>(?i:" + _WORD + rb"))(?![A-Za-z])"
_UPPER = rb"(?P<level>" + _WORD.upper() + rb"|CONFIG|LOG|STATEMENT|DETAIL|HINT)(?![A-Za-z])"
_PRIORITY = rb"(?:<(?P<priority>\d{1,3})>)"
_HOST = rb"\S{1,255}"
_WEEKDAY = rb"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?"
_MESSAGE = rb"(?P<message>)"
_FACILITY = rb"(?:kern|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|authpriv|ftp|local\d)"
_ELEMENT = rb"\[(?:[^\]\\]|\\.){0,2000}\]"  # RFC 5424 section 6.3
_BRACKET = rb"\[(?:[^\[\]]|\[[^\[\]]{0,64}\]){1,160}\]"
_LOGGER = rb"[\w.$/\[\]<>*-]{1,128}"


def _format(name: str, *parts: bytes, nested: bool = False) -> Format:
    return Format(name, re.compile(rb"\A" + b"".join(parts) + _MESSAGE), nested)


FORMATS = (
    _format(
        "syslog-5424",
        *(_PRIORITY, rb"1 (?:-|", ISO, rb") (?:", _HOST, rb") \S{1,48} \S{1,128} \S{1,32} "),
        *(rb"(?:-|(?:", _ELEMENT, rb"){1,16}) ?(?:\xef\xbb\xbf)?"),
    ),
    _format("kubernetes-cri", ISO, rb" std(?:out|err) [FP] ", nested=True),
    _format("audit", rb"(?:node=\S{1,255} )?type=\w{1,40} msg=audit\(", EPOCH, rb":\d{1,20}\): ?"),
    _format(
        "http-access",
        rb"(?:[\w.-]{1,255}(?::\d{1,5})? )?\S{1,255} \S{1,255} [^\[\]\"]{1,255} \[",
        *(DAY_MONTH_YEAR, rb"\] ", rb"(?=\")"),
    ),
    _format(
        "apache-error",
        *(rb"\[", _WEEKDAY, ASCTIME, rb"\] \[(?:\w{0,32}:)?", _LEVEL, rb"\d?\] "),
        rb"(?:\[pid [^\]]{1,64}\] )?(?:\[(?:client|remote) [^\]]{1,64}\] )?",
    ),
    _format("nginx-error", ISO, rb" \[", _LEVEL, rb"\] \d{1,10}#\d{1,10}: (?:\*\d{1,20} )?"),
    _format("klog", rb"(?P<letter>[IWEF])", KLOG, rb" {1,7}\d{1,10} [\w.-]{1,128}:\d{1,6}\] "),
    _format(
        "android",
        *(MONTH_DAY, rb" {1,5}\d{1,7} {1,5}\d{1,7} (?P<letter>[VDIWEF]) "),
        rb"(?:[^:]{1,64}: )?",
    ),
    *(
        _format("blue-gene", date, rb" \S{1,64} [A-Z]{1,16} \w{1,16} ", _LEVEL, rb" ")
        for date in (
            # the first column may be the label of a data set
            rb"(?:\S{1,32} )?" + EPOCH + rb" \d{4}\.\d\d\.\d\d \S{1,64} [\d.-]{19,29}",
            rb"\S{1,64} " + BLUE_GENE,
        )
    ),
    _format("redis", rb"\d{1,10}:[MSCX] ", DAY_MONTH_YEAR, rb" (?P<sign>[#*.-]) "),
    _format(
        "postgresql",
        *(ISO, rb" (?:[A-Z]{2,5} )?\[\d{1,10}(?:-\d{1,10})?\] (?:\S{1,128}@\S{1,128} )?"),
        *(_UPPER, rb": {1,2}"),
    ),
    _format("mysql", ISO, rb" \d{1,20} \[(?i:", _LEVEL, rb")\] (?:\[[\w-]{1,32}\] ){0,2}"),
    _format("windows", ISO, rb", (?P<level>Info|Warning|Error) {1,24}\w{1,32} {1,8}"),
    _format(
        "windows-event",
        rb"(?P<level>Information|Warning|Error|Critical|Verbose|Audit Success|Audit Failure)",
        *(rb"[\t,]", US, rb"[\t,][^\t,]{1,255}[\t,]\d{1,10}[\t,][^\t,]{0,255}[\t,]?\"?"),
    ),
    _format("healthapp", COMPACT, rb"\|[^|]{1,64}\|\d{1,20}\|"),
    _format("proxifier", rb"\[", MONTH_DAY, rb"\] [^ ]{1,255}(?: \*\d\d)? - "),
    _format("hpc", rb"\d{1,10} \S{1,64} [\w.-]{1,64} [\w.-]{1,64} ", EPOCH, rb" -?\d "),
    _format("squid", EPOCH, rb" {1,10}\d{1,10} \S{1,64} (?=[A-Z_]{1,40}/\d{3} )"),
    _format(
        "python",
        *(ISO, rb" - [\w.]{1,128} - ", _UPPER, rb" - "),
    ),
    _format("python", _UPPER, rb":[\w.]{1,128}:"),
    *(
        _format(
            "java",
            *(rb"\[?", date, rb"\]?(?: {0,3}[-|])? {0,5}(?:\d{1,7} )?"),
            *(rb"(?:", _BRACKET, rb" {1,4})?[\[|]?", _UPPER, rb"[\]|]?:? {0,5}(?:\d{1,10} --- )?"),
            *(rb"(?:", _BRACKET, rb"[:.]? {0,3}(?:- )?)?"),
            *(rb"(?:", _LOGGER, rb"(?: {0,32}-| {1,32}:|(?<=[\w$\]]):) )?"),
        )
        for date in (ISO, DAY_MONTH_YEAR, SPARK, HDFS)
    ),
    *(
        _format(
            "syslog-3164",
            *(_PRIORITY, rb"?", date, rb" ", host, rb"(?:", _FACILITY, rb"\.(?P<level>\w{2,8}) )?"),
            rb"[\w./()@+:-]{1,96}(?: [\d.]{1,16})?(?:\[\d{1,10}\])?(?<!:): {0,2}",
        )
        for host in (_HOST + rb" ", rb"")
        for date in (RFC3164, ISO)
        if host or date is RFC3164
    ),
    # the line that syslog writes where no program has given its name
    _format("syslog-3164", _PRIORITY, rb"?", RFC3164, rb" [\w.-]{1,255} "),
    _format("kernel", rb"(?:<(?P<priority>\d{1,2})>)?\[ {0,8}\d{1,8}\.\d{6}\] "),
    _format("dated", ISO, rb"[:,]? {1,8}"),
)

NAMES = tuple(
    dict.fromkeys(
        [*(one.name for one in FORMATS), "json", "docker-json", "logfmt", "journal-export"]
    )
)
