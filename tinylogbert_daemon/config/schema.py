"""What can be configured, with defaults; ``config/tinylogbert.yaml`` shows it to people."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from tinylogbert_daemon import privacy
from tinylogbert_daemon.config.section import Name, Positive, Section, Text
from tinylogbert_daemon.config.sinks import Sinks
from tinylogbert_daemon.config.sources import Source

LOOPBACK = ("127.0.0.1", "::1", "localhost")
Numbers = Literal["fp32", "bf16", "int8"]
Precision = Literal["auto", Numbers]


class Model(Section):
    """Which artifact scores, how it computes, and how much of its work is remembered.

    ``sha256`` pins the artifact: that of its ``manifest.json``, in which those of the other files
    stand. ``precision`` auto is bf16 where the processor computes in it itself, else int8 where
    torch and the artifact can, else fp32.
    """

    path: str = "base"
    sha256: str = ""
    threads: Annotated[int, Field(ge=1, le=64)] = 1
    precision: Precision = "auto"
    cached_shapes: Annotated[int, Field(ge=1000)] = 200_000
    cached_texts: Annotated[int, Field(ge=1000)] = 50_000

    @field_validator("sha256")
    @classmethod
    def _is_a_digest(cls, digest: str) -> str:
        if digest and not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise ValueError("must be the 64 hex digits that `sha256sum manifest.json` prints")
        return digest


class Tail(Section):
    """How files are read; times in seconds, sizes in KiB or MB."""

    poll_seconds: Positive = 1.0
    scan_seconds: Positive = 10.0
    partial_seconds: Positive = 5.0
    rotate_seconds: Positive = 5.0
    block_kib: Annotated[int, Field(ge=64, le=16_384)] = 1024
    record_kib: Annotated[int, Field(ge=1, le=1024)] = 64
    readback_mb: Annotated[int, Field(ge=0)] = 16

    @model_validator(mode="after")
    def _records_fit_blocks(self) -> Tail:
        if self.record_kib > self.block_kib:
            raise ValueError("record_kib must be at most block_kib")
        return self


class Decision(Section):
    """When a record is an anomaly, and how anomalies become alerts."""

    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5
    learning_hours: Annotated[float, Field(ge=0)] = 24.0
    half_life_hours: Positive = 168.0
    quiet_seconds: Positive = 3600.0
    alert_budget: Annotated[int, Field(ge=1)] = 20
    burst: Annotated[int, Field(ge=1)] = 10
    storm_texts: Annotated[int, Field(ge=1, le=1000)] = 5
    storm_seconds: Positive = 60.0
    notify_close: bool = True
    retention_days: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 30.0


class Privacy(Section):
    """Whether secrets are masked in the lines that are kept, and by which rules.

    ``without`` names rules of :data:`tinylogbert_daemon.privacy.RULES` that are left out, ``rules``
    adds some, as name and regular expression.
    """

    mask: bool = True
    without: list[str] = []
    rules: dict[Name, Text] = {}

    @field_validator("without")
    @classmethod
    def _known(cls, names: list[str]) -> list[str]:
        for name in names:
            if name not in privacy.NAMES:
                near = difflib.get_close_matches(name, privacy.NAMES, 1, 0.5)
                known = f"known: {', '.join(privacy.NAMES)}"
                hint = f"did you mean {near[0]!r}?" if near else known
                raise ValueError(f"no rule is named {name!r}; {hint}")
        return names

    @field_validator("rules")
    @classmethod
    def _usable(cls, rules: dict[str, str]) -> dict[str, str]:
        for name, pattern in rules.items():
            if name in privacy.NAMES:
                raise ValueError(f"{name}: a rule of that name is there; choose another one")
            try:
                privacy.own_rule(name, pattern)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
        return rules

    def masker(self) -> privacy.Masker:
        """Return a masker with the rules that are on."""
        return privacy.Masker(self.without, self.rules)


class Learning(Section):
    """How the model is trained on what this host has seen, and whether the daemon takes it.

    ``retrain`` says who trains: ``daemon``; ``never`` (the daemon does not); ``auto``: the daemon,
    unless systemd runs it, which has a timer for that, or no new model would be taken.
    ``swap`` says whether a new model may take over: ``auto`` means where ``model.path`` is base and
    none is pinned.
    """

    retrain: Literal["auto", "daemon", "never"] = "auto"
    retrain_hours: Positive = 168.0
    retrain_minutes: Positive = 180.0
    cpu_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    swap: Literal["auto", "always", "never"] = "auto"


class State(Section):
    """What to do with a state that is damaged: refuse to start, or set it aside and start anew."""

    on_damage: Literal["aside", "stop"] = "aside"


class Http(Section):
    """The REST API, metrics and health.

    ``socket`` is the path of the Unix socket, empty for ``api.sock`` in the state directory, or
    ``off``. ``metrics_port`` 0 means that metrics and health have no address of their own.
    """

    enabled: bool = True
    tls_certificate: str = ""
    tls_key: Annotated[str, Field(validate_default=True)] = ""
    host: Text = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 5000
    allowed_hosts: list[Text] = []
    socket: str = ""
    metrics_host: Text = "127.0.0.1"
    metrics_port: Annotated[int, Field(ge=0, le=65_535)] = 0

    @field_validator("tls_key")
    @classmethod
    def _both_or_none(cls, key: str, info: ValidationInfo) -> str:
        if bool(key) != bool(info.data.get("tls_certificate")):
            raise ValueError("tls_certificate and tls_key go together; set both or none")
        return key

    @field_validator("host")
    @classmethod
    def _loopback_or_tls(cls, host: str, info: ValidationInfo) -> str:
        # a token that goes over a network in the clear is none
        if host not in LOOPBACK and not info.data.get("tls_key"):
            raise ValueError(
                f"must be a loopback address ({', '.join(LOOPBACK)}), or tls_certificate and "
                "tls_key be set"
            )
        return host


class Logging(Section):
    """The daemon's own log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class Config(Section):
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
    state_dir: Text = "/var/lib/tinylogbert"
    state: State = State()
    model: Model = Model()
    tail: Tail = Tail()
    decision: Decision = Decision()
    privacy: Privacy = Privacy()
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
        if sum(source.is_stdin for source in sources) > 1:
            raise ValueError("two sources are standard input ('-'); only one can be")
        return sources

    @property
    def state_path(self) -> Path:
        """The state directory."""
        return Path(self.state_dir)

    @property
    def swaps(self) -> bool:
        """Whether a model that was trained on this host may take over."""
        swap = self.learning.swap
        free = self.model.path == "base" and not self.model.sha256
        return swap == "always" or (swap == "auto" and free)

    @property
    def retention_seconds(self) -> float:
        """How long closed incidents and samples are kept, in seconds of log time; 0 for ever."""
        return self.decision.retention_days * 86_400.0

    @property
    def socket_path(self) -> Path | None:
        """The Unix socket, None where there is none."""
        if self.http.socket == "off":
            return None
        return Path(self.http.socket) if self.http.socket else self.state_path / "api.sock"

    @property
    def jsonl_path(self) -> Path:
        """The file of the JSONL sink."""
        return (
            Path(self.sinks.jsonl.path)
            if self.sinks.jsonl.path
            else self.state_path / "alerts.jsonl"
        )
