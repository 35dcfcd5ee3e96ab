"""What the REST API takes and gives, as its OpenAPI document shows it."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

TEXT_BYTES = 64 * 1024
"""The longest text of a request, in bytes of UTF-8: what a record is cut at when tailing."""

BATCH_TEXTS = 1000
"""The most texts of one ``batch_detect``."""

_LINE = "Mar  3 04:12:07 db1 kernel: EXT4-fs error (device sda1): unable to read inode 131"


def _short_enough(text: str) -> str:
    if len(text) > TEXT_BYTES or len(text.encode()) > TEXT_BYTES:
        raise ValueError(f"is longer than {TEXT_BYTES // 1024} KiB")
    return text


def _few_enough(texts: object) -> object:
    # before its items are looked at, so that a long list of wrong ones costs nothing
    if isinstance(texts, list) and len(texts) > BATCH_TEXTS:
        raise ValueError(f"holds more than {BATCH_TEXTS} texts")
    return texts


_LogText = Annotated[
    str,
    AfterValidator(_short_enough),
    Field(
        description=f"One log record, at most {TEXT_BYTES // 1024} KiB of UTF-8.",
        json_schema_extra={"maxLength": TEXT_BYTES},
    ),
]


class _Request(BaseModel):
    """A request: exactly the fields named here, of exactly these types."""

    model_config = ConfigDict(extra="forbid", strict=True)


class DetectRequest(_Request):
    """One log record to score."""

    log_text: _LogText = Field(examples=[_LINE])


class BatchRequest(_Request):
    """Log records to score together."""

    log_texts: Annotated[
        list[_LogText],
        BeforeValidator(_few_enough),
        Field(
            description=f"At most {BATCH_TEXTS} log records.",
            json_schema_extra={"maxItems": BATCH_TEXTS},
            examples=[[_LINE, "Mar  3 04:12:08 db1 CRON[812]: session closed for user root"]],
        ),
    ]


class TokenizeRequest(_Request):
    """One log record to cut into tokens."""

    log_text: _LogText = Field(examples=[_LINE])


class Result(BaseModel):
    """One result, the same in the API, on the command line and in incidents."""

    line: int = Field(description="Place of the record in the request, from 1.", examples=[1])
    log_text: str = Field(description="The record as it was sent.", examples=[_LINE])
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


class HealthResponse(BaseModel):
    """All is well; ``reason`` says how that shows."""

    status: str = Field(examples=["ok"])
    reason: str = Field(examples=["following 12 files"])


class ErrorResponse(BaseModel):
    """Why a request was not answered."""

    error: str = Field(examples=["log_text: is longer than 64 KiB"])
