"""What the REST API takes and gives, as its OpenAPI document shows it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from tinylogbert_daemon.web.status import How

TEXT_BYTES = 64 * 1024
"""The longest text of a request, in bytes of UTF-8: what a record is cut at when tailing."""

BATCH_TEXTS = 1000
"""The most texts of one ``batch_detect``."""

LINE = "Mar  3 04:12:07 db1 kernel: EXT4-fs error (device sda1): unable to read inode 131"


def _short_enough(text: str) -> str:
    if len(text) > TEXT_BYTES or len(text.encode()) > TEXT_BYTES:
        raise ValueError(f"is longer than {TEXT_BYTES // 1024} KiB")
    return text


def _few_enough(texts: object) -> object:
    # before its items are looked at, so that a long list of wrong ones costs nothing
    if isinstance(texts, list) and len(texts) > BATCH_TEXTS:
        raise ValueError(f"holds more than {BATCH_TEXTS} texts")
    return texts


LogText = Annotated[
    str,
    AfterValidator(_short_enough),
    Field(
        description=f"One log record, at most {TEXT_BYTES // 1024} KiB of UTF-8.",
        json_schema_extra={"maxLength": TEXT_BYTES},
    ),
]


class Request(BaseModel):
    """A request: exactly the fields named here, of exactly these types."""

    model_config = ConfigDict(extra="forbid", strict=True)


class DetectRequest(Request):
    """One log record to score."""

    log_text: LogText = Field(examples=[LINE])


class BatchRequest(Request):
    """Log records to score together."""

    log_texts: Annotated[
        list[LogText],
        BeforeValidator(_few_enough),
        Field(
            description=f"At most {BATCH_TEXTS} log records.",
            json_schema_extra={"maxItems": BATCH_TEXTS},
            examples=[[LINE, "Mar  3 04:12:08 db1 CRON[812]: session closed for user root"]],
        ),
    ]


class TokenizeRequest(Request):
    """One log record to cut into tokens."""

    log_text: LogText = Field(examples=[LINE])


class Result(BaseModel):
    """One result, the same in the API, on the command line and in incidents."""

    line: int = Field(description="Place of the record in the request, from 1.", examples=[1])
    log_text: str = Field(description="The record as it was sent.", examples=[LINE])
    score: float = Field(
        description="How anomalous the record is, from 0 to 1.", ge=0, le=1, examples=[0.83]
    )
    anomaly: bool = Field(
        description="Whether the score reaches the configured threshold.", examples=[True]
    )
    raw: float = Field(description="Surprise in nats per token.", examples=[5.2])
    severity: float = Field(
        description="How much the text reads like trouble, from 0 to 1.",
        ge=0,
        le=1,
        examples=[0.96],
    )
    novelty: float = Field(
        description="How unexpected the text is on this host, from 0 to 1.",
        ge=0,
        le=1,
        examples=[1.0],
    )
    model: str = Field(
        description="Name of the model's folder.", examples=["tinylogbert-0123456789ab"]
    )


class BatchResponse(BaseModel):
    """The results, in the order of the request."""

    results: list[Result]


class TokenizeResponse(BaseModel):
    """What the model reads of a record."""

    text: str = Field(description="The normalised record.", examples=["error in <path>"])
    tokens: list[str] = Field(examples=[["[CLS]", "error", "in", "<path>", "[SEP]"]])
    ids: list[int] = Field(
        description="The tokens' numbers in the vocabulary.", examples=[[2, 51, 40, 9, 3]]
    )


class FormatView(BaseModel):
    """A format that files of a source have."""

    name: str | None = Field(description="Its name, or null.", examples=["syslog-3164"])
    how: How = Field(
        description="configured: the source's `format` names it; recognised: most records have it; "
        "none: most have none that is known, so dates are looked for anywhere in a record, and "
        "without one the clock's time holds; unread: nothing was read since the start.",
        examples=["recognised"],
    )
    files: int = Field(description="Paths that have it.", examples=[11])


class SourceView(BaseModel):
    """How a source stands."""

    name: str = Field(examples=["system"])
    state: Literal["learning", "watching", "lagging", "missing"] = Field(
        description="missing: nothing of it can be read; lagging: more than 8 MiB are unread; "
        "learning: its first hours of log time; else watching.",
        examples=["watching"],
    )
    files: int = Field(description="Paths that are followed.", examples=[12])
    unreadable: int = Field(description="Paths that cannot be read.", examples=[0])
    lines: int = Field(description="Lines committed, ever.", examples=[120_000])
    records: int = Field(description="Records committed, ever.", examples=[119_000])
    lag_bytes: int = Field(description="Not read yet.", examples=[0])
    log_time: float | None = Field(
        description="The latest date in it, epoch seconds.", examples=[1795543174.0]
    )
    formats: list[FormatView] = Field(
        description="Formats of the paths that are followed, the one of most paths first."
    )


class SourcesResponse(BaseModel):
    """The configured sources, and those that the state remembers."""

    sources: list[SourceView]


class SourceRate(BaseModel):
    """How much there was of a source, span by span, the oldest first."""

    name: str = Field(examples=["system"])
    lines: list[int] = Field(description="Lines committed.", examples=[[310, 295, 12]])
    records: list[int] = Field(description="Records committed.", examples=[[310, 295, 12]])
    anomalies: list[int] = Field(description="Anomalous ones of them.", examples=[[0, 1, 0]])


class RatesResponse(BaseModel):
    """Counts of the last two hours, or since the start; each list holds one for each span."""

    seconds: float = Field(description="How long a span is.", examples=[60.0])
    running_seconds: float = Field(
        description="For how long the last span has run by now.", examples=[2.5]
    )
    sources: list[SourceRate] = Field(description="The configured sources.")


class ModelCard(BaseModel):
    """The model in use, out of its manifest."""

    name: str = Field(description="Name of its folder.", examples=["tinylogbert-0123456789ab"])
    type: str = Field(examples=["tinylogbert"])
    format: int = Field(description="Version of the artifact's form.", examples=[1])
    normalizer: int = Field(description="Version of the normaliser.", examples=[2])
    trained: float = Field(description="When, in epoch seconds.", examples=[1795543174.0])
    training: dict[str, Any] = Field(
        description="A summary of the training.", examples=[{"records": 305_259, "epochs": 1}]
    )
    files: dict[str, str] = Field(
        description="SHA-256 of each file.", examples=[{"model.pt": "fa00bcdd"}]
    )
    counted_texts: int = Field(
        description="Texts of its training data that it brings counts of.", examples=[0]
    )


class HealthResponse(BaseModel):
    """All is well; ``reason`` says how that shows."""

    status: str = Field(examples=["ok"])
    reason: str = Field(examples=["following 12 files"])


class ErrorResponse(BaseModel):
    """Why a request was not answered."""

    error: str = Field(examples=["log_text: is longer than 64 KiB"])
