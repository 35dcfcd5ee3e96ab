"""The paths under ``/api/incidents``."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Path, Query, Response
from fastapi.responses import JSONResponse, StreamingResponse

from tinylogbert_daemon.errors import UnknownError
from tinylogbert_daemon.state.browse import Filter
from tinylogbert_daemon.web import history
from tinylogbert_daemon.web.errors import REFUSALS, errors
from tinylogbert_daemon.web.records import Records
from tinylogbert_daemon.web.shown import shown
from tinylogbert_daemon.web.stream import Hub


def add_incidents(app: FastAPI, records: Records, hub: Hub) -> None:
    """Add the paths: a page of incidents, the stream of what changes, and one incident."""

    @app.get(
        "/api/incidents",
        summary="Incidents, the newest first, page by page",
        response_model=history.Incidents,
        responses=REFUSALS | errors("wrong fields", 422),
    )
    async def incidents(
        query: Annotated[history.IncidentQuery, Query()],
    ) -> Response:
        wanted = Filter(query.source, query.open, query.muted, query.since, query.q)
        found, following = await records.incidents(wanted, query.limit, query.cursor)
        return JSONResponse({"incidents": list(map(shown, found)), "next": following})

    @app.get(
        "/api/incidents/stream",
        summary="Incidents as they change: server-sent events",
        response_class=StreamingResponse,
        description="Each event `incident` holds an incident as `/api/incidents` shows it. `lost` "
        "says how many were dropped because the client is slow: ask for the list then. Lines that "
        "begin with a colon show that the connection is alive.",
        responses=REFUSALS
        | errors("too many clients", 503)
        | {200: {"content": {"text/event-stream": {}}, "description": "Events without an end"}},
    )
    async def stream() -> Response:
        return StreamingResponse(hub.listen(), media_type="text/event-stream")

    @app.get(
        "/api/incidents/{id}",
        summary="One incident",
        response_model=history.Incident,
        responses=REFUSALS | errors("no such incident", 404) | errors("wrong fields", 422),
    )
    async def incident(
        id: Annotated[str, Path(description="Its id.", max_length=64)],
    ) -> Response:
        found = await records.incident(id)
        if found is None:
            raise UnknownError("no incident has that id")
        return JSONResponse(shown(found))
