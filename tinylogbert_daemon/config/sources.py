"""An entry of ``sources``: what is read, and what form it has."""

from __future__ import annotations

import re
from datetime import tzinfo
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from tinylogbert_daemon.config.section import Name, Section, Text
from tinylogbert_daemon.encodings import Encoding
from tinylogbert_daemon.patterns import compiled

# those of source/formats.py
Format = Literal[
    "auto",
    "plain",
    "syslog-3164",
    "syslog-5424",
    "journal-export",
    "json",
    "docker-json",
    "logfmt",
    "kubernetes-cri",
    "klog",
    "http-access",
    "apache-error",
    "nginx-error",
    "java",
    "python",
    "postgresql",
    "mysql",
    "redis",
    "squid",
    "audit",
    "kernel",
    "windows",
    "windows-event",
    "android",
    "blue-gene",
    "healthapp",
    "hpc",
    "proxifier",
    "dated",
]

# those of source/joining.py
Preset = Literal["none", "indented", "java", "python", "go"]

# a match as journalctl(1) takes it: a field's name and its value
_MATCH = re.compile(r"[A-Z0-9_]{1,64}=")

STDIN = "-"
"""The path that means standard input."""


class Multiline(Section):
    """Which lines of a source continue the record before them."""

    preset: Preset = "none"
    start_pattern: str = ""
    continue_pattern: str = ""

    @field_validator("start_pattern", "continue_pattern")
    @classmethod
    def _harmless(cls, pattern: str) -> str:
        compiled(pattern)
        return pattern

    @property
    def patterns(self) -> tuple[re.Pattern[bytes] | None, re.Pattern[bytes] | None]:
        """The patterns of a line that begins a record, and of one that continues one."""
        start, more = self.start_pattern, self.continue_pattern
        return compiled(start) if start else None, compiled(more) if more else None

    def __bool__(self) -> bool:
        return self != Multiline()

    def __str__(self) -> str:
        """Return the rule in words."""
        more = [f"preset {self.preset}"] if self.preset != "none" else []
        if self.continue_pattern:
            more.append(f"lines that match {self.continue_pattern}")
        rule = " and ".join(more) or "every line"
        start = self.start_pattern
        return f"{rule}, but none that matches {start}" if start else rule


class Journal(Section):
    """Which entries of the systemd journal: all, or those of ``units`` that fit ``matches``.

    An empty ``directory`` means the host's journal. ``true`` in its place enables the section, and
    so does any key in it.
    """

    enabled: bool = False
    units: list[Text] = []
    matches: list[Text] = []
    directory: str = ""

    @model_validator(mode="before")
    @classmethod
    def _enabled_by_mention(cls, content: Any) -> Any:
        if isinstance(content, bool):
            return {"enabled": content}
        return {"enabled": True, **content} if isinstance(content, dict) else content

    @field_validator("matches")
    @classmethod
    def _fields_and_values(cls, matches: list[str]) -> list[str]:
        for match in matches:
            if not _MATCH.match(match):
                raise ValueError(f"{match!r} is no match; write FIELD=value, as in PRIORITY=3")
        return matches

    @field_validator("directory")
    @classmethod
    def _absolute(cls, directory: str) -> str:
        if directory and not directory.startswith("/"):
            raise ValueError("must be an absolute path")
        return directory


class Source(Section):
    """One entry of ``sources``: files that a list of globs matches, a journal or standard input."""

    name: Name
    paths: list[Text] = Field([], min_length=1)
    exclude: list[Text] = []
    encoding: Encoding = "auto"
    format: Format = "auto"
    timezone: str = ""
    multiline: Multiline = Multiline()
    journal: Journal = Journal.model_construct()

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name:
            try:
                ZoneInfo(name)
            except (KeyError, ValueError, OSError):
                raise ValueError(
                    f"no time zone is named {name!r}; write one of those in /usr/share/zoneinfo"
                ) from None
        return name

    @model_validator(mode="after")
    def _reads_one_thing(self) -> Source:
        if self.journal.enabled:
            if self.paths or self.exclude:
                raise ValueError("a source has paths or a journal; make two sources of them")
        elif not self.paths:
            raise ValueError("there is nothing to read; add paths, or journal: true")
        if STDIN in self.paths and (len(self.paths) > 1 or self.exclude):
            raise ValueError("'-', standard input, must be the only path of its source")
        shaped = self.encoding != "auto" or self.multiline
        if shaped and (self.journal.enabled or self.is_stdin):
            raise ValueError("encoding and multiline are for files")
        return self

    @property
    def dates(self) -> tuple[str, tzinfo | None]:
        """The format that is set (``""``: whichever is recognised) and the zone, None the host's.

        In a plain source no header is looked for.
        """
        zone = ZoneInfo(self.timezone) if self.timezone else None
        return ("" if self.format == "auto" else self.format), zone

    @property
    def is_stdin(self) -> bool:
        """Whether the source is standard input."""
        return self.paths == [STDIN]
