"""Incidents and feedback as the OpenAPI document shows them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from tinylogbert_daemon.decide import feedback
from tinylogbert_daemon.decide.feedback import NEAR, Kind
from tinylogbert_daemon.state.browse import LARGEST_PAGE, PAGE
from tinylogbert_daemon.state.feedback import SAMPLE_CHARACTERS
from tinylogbert_daemon.web.models import LINE, LogText, Request

IMPORT_ENTRIES = 500
"""The most entries of one import."""

LONGEST_SECONDS = 10 * 365 * 86_400.0

_AUTHOR = 100
_NOTE = 1000
_MOST_TEXT = 16_384

Author = Annotated[str, Field(description="Who says so.", max_length=_AUTHOR, examples=["anna"])]
Note = Annotated[str, Field(description="Why.", max_length=_NOTE, examples=["planned"])]
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Seconds = Annotated[float, Field(description="Seconds since the epoch.", examples=[1795543174.0])]
_SecondsOrNone = Annotated[float | None, Field(examples=[None])]


class Muted(BaseModel):
    """Whose feedback keeps an incident quiet."""

    feedback: int = Field(description="Its number.", examples=[3])
    kind: str = Field(examples=["mute"])
    author: str = Field(examples=["anna"])
    until: float | None = Field(
        description="Seconds since the epoch; null: until it is undone.", examples=[1795629574.0]
    )


class Curve(BaseModel):
    """When the records of an incident came: so many in each span from its opening on."""

    seconds: float = Field(description="How long a span is, in log time.", examples=[2.0])
    counts: list[int] = Field(
        description="Records of each span, 24 at most; the longer the incident, the longer they.",
        examples=[[1, 0, 2]],
    )


class Incident(BaseModel):
    """An incident: the fields of its alert, and what became of that.

    All times are log times in seconds since the epoch, `until` is by the host's clock.
    """

    id: str = Field(examples=["9b0c1f2e3d4a5b6c7d8e"])
    status: Literal["open", "closed"] = Field(examples=["open"])
    kind: Literal["text", "storm"] = Field(description="One text, or many.", examples=["text"])
    time: _Seconds
    opened: _Seconds
    last_seen: _Seconds
    closed: _SecondsOrNone
    close_reason: str = Field(description="quiet, too many open, muted or unmuted.", examples=[""])
    duration: float = Field(description="Seconds from first to last record.", examples=[12.5])
    source: str = Field(examples=["system"])
    path: str = Field(examples=["/var/log/syslog"])
    offset: int = Field(description="Byte offset of the first record.", examples=[4096])
    line: int = Field(description="Line number of the first record.", examples=[57])
    log_text: str = Field(description="The first record, secrets masked.", examples=[LINE])
    level: str | None = Field(
        description="The level that the record names, if any.", examples=["error"]
    )
    message: str = Field(
        description="The first record without its header.",
        examples=["EXT4-fs error (device sda1): unable to read inode 131"],
    )
    last_line: str = Field(description="The last record.", examples=[LINE])
    score: float = Field(examples=[0.83])
    peak: float = Field(description="The highest score.", examples=[0.83])
    anomaly: bool = Field(examples=[True])
    raw: float = Field(examples=[5.2])
    severity: float = Field(examples=[0.96])
    novelty: float = Field(examples=[1.0])
    model: str = Field(examples=["tinylogbert-0123456789ab"])
    records: int = Field(examples=[3])
    repeats: int = Field(description="What came later and was not sent.", examples=[1])
    reason: str = Field(description="Why, in words.", examples=["logged as an error"])
    text: str = Field(description="The model's input.", examples=["[error] fs error device sda"])
    words: list[dict[str, Any]] = Field(
        description="The least expected words: `word`, `share` of the surprise.",
        examples=[[{"word": "inode", "share": 0.4}]],
    )
    nearest: dict[str, Any] | None = Field(
        description="The nearest normal text: `text`, `source`, `similarity`, `difference`.",
        examples=[None],
    )
    storm: dict[str, Any] | None = Field(
        description="Of a storm: `texts`, `more`, `alone`, `examples`.", examples=[None]
    )
    suppressed: dict[str, Any] | None = Field(
        description="Of alerts only; null here.", examples=[None]
    )
    alerted: bool = Field(description="Whether its opening was sent.", examples=[True])
    withheld: str = Field(description="Why not: budget, source-budget or muted.", examples=[""])
    muted: Muted | None = Field(examples=[None])
    curve: Curve | None = Field(
        description="Null where a version that drew none has opened it.",
        examples=[{"seconds": 2.0, "counts": [1, 0, 2]}],
    )


class IncidentQuery(BaseModel):
    """Which incidents, and which page of them."""

    model_config = ConfigDict(extra="forbid")

    source: str | None = Field(default=None, description="Only of this source.", max_length=64)
    open: bool | None = Field(default=None, description="Only open ones, or only closed ones.")
    muted: bool | None = Field(
        default=None, description="Only those that feedback mutes, or only others."
    )
    since: float | None = Field(
        default=None,
        description="Only those seen since then: log time in epoch seconds.",
        allow_inf_nan=False,
    )
    q: str = Field(
        default="", description="Only those whose lines, text or reason hold this.", max_length=200
    )
    cursor: str | None = Field(
        default=None, description="`next` of the page before.", max_length=200
    )
    limit: int = Field(default=PAGE, description="Incidents of a page.", ge=1, le=LARGEST_PAGE)


class Incidents(BaseModel):
    """A page of incidents; `next` is the cursor of the next one, null on the last."""

    incidents: list[Incident]
    next: str | None = Field(examples=[None])


class FeedbackRequest(Request):
    """Feedback on the text of an incident, or of a line: exactly one of the two is named.

    `normal` opens no alert any more, `mute` none for `seconds`; incidents go on being recorded,
    flagged as muted. `real` changes no alert now; from then on the text is judged as if it came for
    the first time, however often it was there.
    """

    kind: Kind = Field(examples=["mute"])
    incident: Annotated[
        str | None, Field(description="Id of an incident.", max_length=64, examples=[None])
    ] = None
    log_text: LogText | None = Field(default=None, examples=[LINE])
    near: bool = Field(
        default=False,
        description="Whether texts that are near by embedding are meant too.",
        examples=[False],
    )
    similarity: float = Field(
        default=NEAR, description="How near: the least cosine.", ge=0.5, le=1, examples=[NEAR]
    )
    seconds: float | None = Field(
        default=None,
        description="For how long; a mute needs it.",
        gt=0,
        le=LONGEST_SECONDS,
        examples=[86400.0],
    )
    author: Author = ""
    note: Note = ""


class Feedback(BaseModel):
    """An entry of feedback. Times are in seconds since the epoch, by the host's clock."""

    number: int = Field(examples=[3])
    kind: Kind = Field(examples=["mute"])
    key: str = Field(description="The text's key.", examples=["0123456789abcdef"])
    text: str = Field(examples=["[error] fs error device sda"])
    sample: str = Field(description="A line of that text, secrets masked.", examples=[LINE])
    near: float | None = Field(
        description="The least cosine of near texts; null: this text alone.", examples=[None]
    )
    created: _Seconds
    expires: _SecondsOrNone
    author: str = Field(examples=["anna"])
    note: str = Field(examples=["planned"])
    undone: _SecondsOrNone
    undone_by: str = Field(examples=[""])
    active: bool = Field(examples=[True])


class FeedbackList(BaseModel):
    """A page of feedback; `next` goes into `before` for the next one, null on the last."""

    entries: list[Feedback]
    next: int | None = Field(examples=[None])


class ImportEntry(Request):
    """An entry as the export gives it; `number` and `active` are passed over."""

    number: int = 0
    kind: Kind = Field(examples=["normal"])
    key: Annotated[str, Field(pattern=r"^[0-7][0-9a-f]{15}$", examples=["0123456789abcdef"])]
    text: Annotated[str, Field(max_length=_MOST_TEXT, examples=["[error] fs error"])]
    sample: Annotated[str, Field(max_length=SAMPLE_CHARACTERS, examples=[LINE])]
    near: Annotated[float | None, Field(ge=0.5, le=1, examples=[None])] = None
    created: _Finite = Field(examples=[1795543174.0])
    expires: _Finite | None = Field(default=None, examples=[None])
    author: Author = ""
    note: Note = ""
    undone: _Finite | None = Field(default=None, examples=[None])
    undone_by: Annotated[str, Field(max_length=_AUTHOR, examples=[""])] = ""
    active: bool = True

    def feedback(self) -> feedback.Feedback:
        """Return the entry, its number not given yet."""
        return feedback.Feedback(
            number=0,
            kind=self.kind,
            key=int(self.key, 16),
            text=self.text,
            sample=self.sample,
            near=self.near,
            created=self.created,
            expires=self.expires,
            author=self.author,
            note=self.note,
            undone=self.undone,
            undone_by=self.undone_by,
        )


def _few_enough(entries: object) -> object:
    if isinstance(entries, list) and len(entries) > IMPORT_ENTRIES:
        raise ValueError(f"holds more than {IMPORT_ENTRIES} entries")
    return entries


class ImportRequest(Request):
    """Entries to take over; those that are there already are passed over."""

    entries: Annotated[
        list[ImportEntry],
        BeforeValidator(_few_enough),
        Field(json_schema_extra={"maxItems": IMPORT_ENTRIES}),
    ]


class ImportResponse(BaseModel):
    """How many entries were new, and how many there already."""

    imported: int = Field(examples=[12])
    known: int = Field(examples=[0])
