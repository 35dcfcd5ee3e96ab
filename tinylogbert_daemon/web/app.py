"""The REST API, metrics and health as one ASGI application, over ports that it is handed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.exceptions import HTTPException

from tinylogbert_daemon.errors import FeedbackError, ServiceError, StateError, UnknownError
from tinylogbert_daemon.escape import printable
from tinylogbert_daemon.web import models
from tinylogbert_daemon.web.access import AUTHORISED, Access
from tinylogbert_daemon.web.docs import CONTENT_SECURITY_POLICY, page
from tinylogbert_daemon.web.errors import REFUSALS, errors
from tinylogbert_daemon.web.feedback import Commands, add_feedback
from tinylogbert_daemon.web.guard import Guard, error
from tinylogbert_daemon.web.incidents import add_incidents
from tinylogbert_daemon.web.pages import add_page
from tinylogbert_daemon.web.records import Records
from tinylogbert_daemon.web.status import Status, without_texts
from tinylogbert_daemon.web.stream import Hub

if TYPE_CHECKING:
    from tinylogbert_daemon.decide.engine import Result, Tokens

_MESSAGE_CHARACTERS = 300

# of Starlette's and FastAPI's own answers, those whose wording helps nobody
_MESSAGES = {
    400: "the body cannot be read as JSON in UTF-8",
    404: "no such path; /docs lists those there are",
    405: "this path does not know that method; /docs lists those it knows",
}


class Detector(Protocol):
    """Scores and tokenizes; its methods may raise :class:`ServiceError` when they cannot now."""

    async def detect(self, texts: list[str]) -> list[Result]:
        """Return the result of each text, in order, lines counted from 1."""

    async def tokenize(self, text: str) -> Tokens:
        """Return what the model reads of ``text``."""


class Health(Protocol):
    """Called in the event loop with each request, so its methods must not wait for anything."""

    def ready(self) -> tuple[bool, str]:
        """Return whether work is being done, and why (not)."""

    def alive(self) -> tuple[bool, str]:
        """Return whether the process is sound, and why (not); if not, it should be restarted."""

    def status(self) -> Status:
        """Return the status."""

    def sources(self) -> list[models.SourceView]:
        """Return how each source stands."""

    def rates(self) -> models.RatesResponse:
        """Return how much there was of each source of late."""

    def model(self) -> models.ModelCard:
        """Return the card of the model in use."""


@dataclass(frozen=True, slots=True)
class History:
    """What a program with a state shows and changes: incidents and feedback.

    ``now`` is the host's clock in seconds.
    """

    records: Records
    hub: Hub
    commands: Commands
    now: Callable[[], float]


def create_app(
    *,
    detector: Detector,
    registry: CollectorRegistry,
    health: Health,
    version: str,
    access: Access | None = None,
    history: History | None = None,
) -> FastAPI:
    """Return the application; it holds no state but the count of requests under way."""
    app = FastAPI(
        title="TinyLogBERT",
        version=version,
        description='BERT verdicts on log records. Errors are answered as `{"error": …}`.',
        # FastAPI's own pages load their scripts from elsewhere
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=errors("host not loopback, or not JSON", 400) | errors("foreign origin", 403),
        # newer FastAPI can export traces when its environment says so: nothing leaves this host
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.add_middleware(Guard, access=access or Access())
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(ServiceError, _unavailable)
    app.add_exception_handler(StateError, _unavailable)
    app.add_exception_handler(FeedbackError, _wrong)
    _add_detection(app, detector)
    _add_probes(app, registry, health)
    _add_views(app, health)
    add_page(app)
    if history is not None:
        add_incidents(app, history.records, history.hub)
        add_feedback(app, history.records, history.commands, history.now)
    return app


def create_probes(*, registry: CollectorRegistry, health: Health, version: str) -> FastAPI:
    """Return an application of metrics and health alone, for an address without a token."""
    app = FastAPI(title="TinyLogBERT", version=version, openapi_url=None)
    app.add_middleware(Guard, access=Access(any_host=True))
    app.add_exception_handler(HTTPException, _http_error)
    _add_probes(app, registry, health)
    return app


def _add_detection(app: FastAPI, detector: Detector) -> None:
    refusals = (
        errors("body too large", 413)
        | errors("not JSON", 415)
        | errors("wrong fields", 422)
        | REFUSALS
        | errors("busy", 503)
    )

    @app.post(
        "/api/anomaly/detect",
        summary="Score one record",
        response_model=models.Result,
        responses=refusals,
    )
    async def detect(request: models.DetectRequest) -> Response:
        # answered as it is: checking our own results once more would cost more than making them
        return JSONResponse((await detector.detect([request.log_text]))[0])

    @app.post(
        "/api/anomaly/batch_detect",
        summary="Score up to 1,000 records",
        response_model=models.BatchResponse,
        responses=refusals,
    )
    async def batch_detect(request: models.BatchRequest) -> Response:
        return JSONResponse({"results": await detector.detect(request.log_texts)})

    @app.post(
        "/api/anomaly/tokenize",
        summary="Show what the model reads of a record",
        response_model=models.TokenizeResponse,
        responses=refusals,
    )
    async def tokenize(request: models.TokenizeRequest) -> Response:
        return JSONResponse(await detector.tokenize(request.log_text))


def _add_probes(app: FastAPI, registry: CollectorRegistry, health: Health) -> None:
    @app.get("/metrics", summary="Prometheus metrics", response_class=PlainTextResponse)
    async def metrics(request: Request) -> Response:
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"content-type": media_type, "vary": "accept"})

    @app.get(
        "/healthz",
        summary="Whether the process is sound",
        response_model=models.HealthResponse,
        responses=errors("not sound", 503),
    )
    async def healthz() -> Response:
        return _health(*health.alive())

    @app.get(
        "/readyz",
        summary="Whether work is being done",
        response_model=models.HealthResponse,
        responses=errors("not ready", 503),
    )
    async def readyz() -> Response:
        return _health(*health.ready())


def _add_views(app: FastAPI, health: Health) -> None:
    @app.get(
        "/api/status",
        summary="Files, sources, incidents, deliveries; texts of comparisons with the token only",
        response_model=Status,
        responses=REFUSALS,
    )
    async def status(request: Request) -> Response:
        found = health.status()
        return JSONResponse(found if request.scope.get(AUTHORISED) else without_texts(found))

    @app.get(
        "/api/sources",
        summary="Each source: learning, watching, lagging or missing",
        response_model=models.SourcesResponse,
        responses=REFUSALS,
    )
    async def sources() -> Response:
        return JSONResponse({"sources": [source.model_dump() for source in health.sources()]})

    @app.get(
        "/api/rates",
        summary="Lines, records and anomalies of each source, minute by minute",
        response_model=models.RatesResponse,
        responses=REFUSALS,
    )
    async def rates() -> Response:
        return JSONResponse(health.rates().model_dump())

    @app.get(
        "/api/model",
        summary="The model in use, out of its manifest",
        response_model=models.ModelCard,
        responses=REFUSALS,
    )
    async def model() -> Response:
        return JSONResponse(health.model().model_dump())

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        headers = {"content-security-policy": CONTENT_SECURITY_POLICY}
        return HTMLResponse(page(app.openapi()), headers=headers)


def _health(well: bool, reason: str) -> Response:
    return JSONResponse({"status": "ok", "reason": reason}) if well else error(503, reason)


async def _invalid(_: Request, exception: Exception) -> Response:
    """Answer the first thing that is wrong with a body, as ``field: what``."""
    assert isinstance(exception, RequestValidationError)
    first = exception.errors()[0]
    kind, place = first["type"], ".".join(map(str, first["loc"][1:]))
    if kind == "json_invalid":
        return error(400, f"the body is not JSON: {first['ctx']['error']} at character {place}")
    if not place:
        return error(422, "the body must be a JSON object; /docs shows its fields")
    if kind == "extra_forbidden":
        message = "unknown field; /docs shows those there are"
    elif kind == "string_unicode":
        message = "is not Unicode text: it holds half of a surrogate pair"
    else:
        message = first["msg"].removeprefix("Value error, ")
    return error(422, f"{printable(place, 100)}: {printable(message, _MESSAGE_CHARACTERS)}")


async def _http_error(_: Request, exception: Exception) -> Response:
    assert isinstance(exception, HTTPException)
    message = _MESSAGES.get(exception.status_code, str(exception.detail))
    return error(exception.status_code, message, exception.headers)


async def _wrong(_: Request, exception: Exception) -> Response:
    status = 404 if isinstance(exception, UnknownError) else 422
    return error(status, printable(str(exception), _MESSAGE_CHARACTERS))


async def _unavailable(_: Request, exception: Exception) -> Response:
    return error(503, printable(str(exception), _MESSAGE_CHARACTERS), {"retry-after": "5"})
