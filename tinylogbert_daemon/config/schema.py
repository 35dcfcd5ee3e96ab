"""What can be configured, with defaults; ``config/tinylogbert.yaml`` shows it to people."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from tinylogbert_daemon.config.patterns import compiled

_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Text = Annotated[str, StringConstraints(min_length=1)]

# those of source/encoding.py
Encoding = Literal[
    "auto",
    "utf-8",
    "latin-1",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "utf-32-le",
    "utf-32-be",
]

# those of source/joining.py
Preset = Literal["none", "indented", "java", "python", "go"]

LOOPBACK = ("127.0.0.1", "::1", "localhost")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Multiline(_Section):
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


class Source(_Section):
    """One entry of ``sources``: the files that a list of globs matches, and what they hold."""

    name: _Name
    paths: list[_Text] = Field(min_length=1)
    exclude: list[_Text] = []
    encoding: Encoding = "auto"
    multiline: Multiline = Multiline()


class Model(_Section):
    """Which artifact scores, on how many threads, and how much of its work is remembered."""

    path: str = "base"
    threads: Annotated[int, Field(ge=1, le=64)] = 1
    cached_shapes: Annotated[int, Field(ge=1000)] = 200_000
    cached_texts: Annotated[int, Field(ge=1000)] = 50_000


class Tail(_Section):
    """How files are read; times in seconds, sizes in KiB or MB."""

    poll_seconds: _Positive = 1.0
    scan_seconds: _Positive = 10.0
    partial_seconds: _Positive = 5.0
    rotate_seconds: _Positive = 5.0
    block_kib: Annotated[int, Field(ge=64, le=16_384)] = 1024
    record_kib: Annotated[int, Field(ge=1, le=1024)] = 64
    readback_mb: Annotated[int, Field(ge=0)] = 16

    @model_validator(mode="after")
    def _records_fit_blocks(self) -> Tail:
        if self.record_kib > self.block_kib:
            raise ValueError("record_kib must be at most block_kib")
        return self


class Decision(_Section):
    """When a record is an anomaly, and how anomalies become alerts."""

    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5
    learning_hours: Annotated[float, Field(ge=0)] = 24.0
    half_life_hours: _Positive = 168.0
    quiet_seconds: _Positive = 3600.0
    alert_budget: Annotated[int, Field(ge=1)] = 20
    burst: Annotated[int, Field(ge=1)] = 10
    storm_texts: Annotated[int, Field(ge=1, le=1000)] = 5
    storm_seconds: _Positive = 60.0
    notify_close: bool = True


class Learning(_Section):
    """How the model is trained on what this host has seen, and whether the daemon takes it.

    ``retrain`` says who trains: ``daemon``; ``never`` (the daemon does not); ``auto``: the daemon,
    unless systemd runs it, which has a timer for that, or no new model would be taken.
    ``swap`` says whether a new model may take over: ``auto`` means where ``model.path`` is base.
    """

    retrain: Literal["auto", "daemon", "never"] = "auto"
    retrain_hours: _Positive = 168.0
    retrain_minutes: _Positive = 180.0
    cpu_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    swap: Literal["auto", "always", "never"] = "auto"


class Jsonl(_Section):
    """The JSONL sink; an empty path means ``alerts.jsonl`` in the state directory."""

    enabled: bool = True
    path: str = ""


class Log(_Section):
    """The sink that writes alerts to the daemon's own log."""

    enabled: bool = True


class Sinks(_Section):
    """Where alerts are delivered."""

    jsonl: Jsonl = Jsonl()
    log: Log = Log()


class Http(_Section):
    """The REST API, metrics and health."""

    enabled: bool = True
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 5000

    @field_validator("host")
    @classmethod
    def _loopback_only(cls, host: str) -> str:
        if host not in LOOPBACK:
            raise ValueError(f"must be a loopback address ({', '.join(LOOPBACK)})")
        return host


class Logging(_Section):
    """The daemon's own log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class Config(_Section):
    """The whole configuration."""

    sources: list[Source] = [
        Source(
            name="system",
            paths=[
                "/var/log/syslog",
                "/var/log/messages",
                "/var/log/*.log",
                "/var/log/*/*.log",
            ],
            exclude=["/var/log/journal/**", "/var/log/tinylogbert/**"],
        )
    ]
    state_dir: _Text = "/var/lib/tinylogbert"
    model: Model = Model()
    tail: Tail = Tail()
    decision: Decision = Decision()
    learning: Learning = Learning()
    sinks: Sinks = Sinks()
    http: Http = Http()
    logging: Logging = Logging()

    @field_validator("sources")
    @classmethod
    def _names_differ(cls, sources: list[Source]) -> list[Source]:
        names = [source.name for source in sources]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two sources are named {name!r}; names must differ")
        return sources

    @property
    def state_path(self) -> Path:
        """The state directory."""
        return Path(self.state_dir)

    @property
    def swaps(self) -> bool:
        """Whether a model that was trained on this host may take over."""
        swap = self.learning.swap
        return swap == "always" or (swap == "auto" and self.model.path == "base")

    @property
    def jsonl_path(self) -> Path:
        """The file of the JSONL sink."""
        return (
            Path(self.sinks.jsonl.path)
            if self.sinks.jsonl.path
            else self.state_path / "alerts.jsonl"
        )
