"""The paths under ``/api/feedback``."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Annotated, Protocol

from fastapi import FastAPI, Path, Query, Response
from fastapi.responses import JSONResponse

from tinylogbert_daemon.decide.feedback import Feedback
from tinylogbert_daemon.state.feedback import FEEDBACK_KEPT, Asked
from tinylogbert_daemon.web import history
from tinylogbert_daemon.web.errors import REFUSALS, errors
from tinylogbert_daemon.web.records import Records
from tinylogbert_daemon.web.shown import shown_feedback

PAGE = 100
LARGEST_PAGE = 1000

_LARGEST = 2**63 - 1
_BODY = REFUSALS | errors("body too large", 413) | errors("not JSON", 415)
_ASKED = _BODY | errors("no such incident", 404) | errors("wrong fields", 422) | errors("busy", 503)


class Commands(Protocol):
    """Changes feedback; methods raise :class:`FeedbackError` or :class:`StateError`."""

    async def add(self, asked: Asked) -> Feedback:
        """Record feedback, heed it and return it."""

    async def take(self, entries: Sequence[Feedback]) -> list[Feedback]:
        """Record entries from elsewhere, heed them and return those that were new."""

    async def undo(self, number: int, author: str) -> Feedback:
        """Take back what an entry says and return it."""


def add_feedback(
    app: FastAPI, records: Records, commands: Commands, now: Callable[[], float]
) -> None:
    """Add the paths; ``now`` is the host's clock in seconds."""
    _add_reading(app, records, now)

    @app.post(
        "/api/feedback",
        summary="Say that a text is normal, mute it, or call it a real problem",
        response_model=history.Feedback,
        responses=_ASKED,
    )
    async def add(request: history.FeedbackRequest) -> Response:
        entry = await commands.add(
            Asked(
                kind=request.kind,
                incident=request.incident,
                log_text=request.log_text,
                near=request.near,
                similarity=request.similarity,
                seconds=request.seconds,
                author=request.author,
                note=request.note,
            )
        )
        return JSONResponse(shown_feedback(entry, now()))

    @app.post(
        "/api/feedback/import",
        summary="Take over feedback that was exported",
        response_model=history.ImportResponse,
        responses=_ASKED,
    )
    async def take(request: history.ImportRequest) -> Response:
        added = await commands.take([entry.feedback() for entry in request.entries])
        return JSONResponse({"imported": len(added), "known": len(request.entries) - len(added)})

    @app.delete(
        "/api/feedback/{number}",
        summary="Undo feedback; its trail is kept",
        response_model=history.Feedback,
        responses=REFUSALS
        | errors("no such feedback", 404)
        | errors("wrong fields, or undone already", 422),
    )
    async def undo(
        number: Annotated[int, Path(description="Its number.", ge=1, le=_LARGEST)],
        author: Annotated[str, Query(description="Who undoes it.", max_length=100)] = "",
    ) -> Response:
        return JSONResponse(shown_feedback(await commands.undo(number, author), now()))


def _add_reading(app: FastAPI, records: Records, now: Callable[[], float]) -> None:
    @app.get(
        "/api/feedback",
        summary="Feedback, the newest first, page by page",
        response_model=history.FeedbackList,
        responses=REFUSALS | errors("wrong fields", 422),
    )
    async def listed(
        active: Annotated[
            bool, Query(description="Only what holds: neither undone nor expired.")
        ] = False,
        before: Annotated[
            int | None, Query(description="`next` of the page before.", ge=1, le=_LARGEST)
        ] = None,
        limit: Annotated[
            int, Query(description="Entries of the page.", ge=1, le=LARGEST_PAGE)
        ] = PAGE,
    ) -> Response:
        at = now()
        found = await records.feedback(
            active_at=at if active else None, before=before, limit=limit + 1
        )
        following = found[limit - 1].number if len(found) > limit else None
        entries = [shown_feedback(entry, at) for entry in found[:limit]]
        return JSONResponse({"entries": entries, "next": following})

    @app.get(
        "/api/feedback/export",
        summary="All feedback as JSON lines, the oldest first",
        responses=REFUSALS
        | {200: {"content": {"application/x-ndjson": {}}, "description": "One entry a line"}},
        response_class=Response,
    )
    async def export() -> Response:
        at = now()
        found = await records.feedback(limit=FEEDBACK_KEPT)
        lines = [json.dumps(shown_feedback(entry, at)) + "\n" for entry in reversed(found)]
        return Response("".join(lines), media_type="application/x-ndjson")
