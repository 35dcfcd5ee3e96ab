"""The OpenAPI document as the attacker reads it: every operation, asked rightly and wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from prometheus_client import CollectorRegistry

from tests.web.doubles import BASE, StubHealth
from tests.web.histories import BEARER, NOW, TOKEN, StoreCommands, incident
from tinylogbert_daemon.cli.serve import load_engine
from tinylogbert_daemon.config import parse
from tinylogbert_daemon.metrics import Metrics
from tinylogbert_daemon.state import Effects, Store
from tinylogbert_daemon.web.access import Access
from tinylogbert_daemon.web.app import History, create_app
from tinylogbert_daemon.web.detector import EngineDetector
from tinylogbert_daemon.web.records import Records
from tinylogbert_daemon.web.stream import Hub

HEADERS = {"host": BASE.removeprefix("http://"), **BEARER}
EXAMPLES = 40
REFUSALS = [400, 404, 413, 415, 422]

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")


@pytest.fixture(scope="module")
def app(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """The application of `serve`, on a real model."""
    metrics = Metrics(CollectorRegistry())
    config = parse(f"model: {{path: {model_folder}}}", "test")
    store = Store(tmp_path_factory.mktemp("fuzz"))
    store.commit(Effects(incidents={one.id: one for one in map(incident, range(9))}))
    records = Records(store.path.parent)
    with ThreadPoolExecutor(1) as executor:
        yield create_app(
            detector=EngineDetector(load_engine(config, metrics), executor),
            registry=metrics.registry,
            health=StubHealth(),
            version="9.9",
            access=Access(TOKEN),
            history=History(records, Hub(), StoreCommands(store), lambda: NOW),
        )
    records.close()
    store.close()


OPERATIONS = [
    *(f"POST /api/anomaly/{name}" for name in ("detect", "batch_detect", "tokenize")),
    *(f"GET {path}" for path in ("/metrics", "/healthz", "/readyz", "/api/status")),
    *(f"GET /api/{name}" for name in ("sources", "rates", "model")),
    *(f"GET /api/{name}" for name in ("incidents", "incidents/{id}")),
    *(f"GET /api/{name}" for name in ("feedback", "feedback/export")),
    *(f"POST /api/{name}" for name in ("feedback", "feedback/import")),
    "DELETE /api/feedback/{number}",
]
# without an end: tests/web/test_incidents.py asks it
ENDLESS = "GET /api/incidents/stream"


@pytest.fixture(scope="module")
def operations(app: FastAPI) -> dict[str, Any]:
    """Every operation of the document, by method and path."""
    refusals = {
        "negative_data_rejection": {"expected-statuses": REFUSALS},
        # fields that are right each by itself may name nothing, or not go together
        "positive_data_acceptance": {"expected-statuses": ["2xx", 404, 422]},
    }
    config = schemathesis.Config.from_dict({"checks": refusals})
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, config=config, headers=HEADERS)
    found = [result.ok() for result in schema.get_all_operations()]
    return {f"{one.method.upper()} {one.path}": one for one in found}


def test_there_are_tests_for_every_operation(operations: dict[str, Any]) -> None:
    assert sorted(operations) == sorted([*OPERATIONS, ENDLESS])


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_is_one_that_the_document_knows(operations: dict[str, Any], name: str) -> None:
    _ask(operations[name], schemathesis.GenerationMode.POSITIVE)


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name.startswith("POST")])
def test_every_wrong_request_is_refused_as_the_document_says(
    operations: dict[str, Any], name: str
) -> None:
    _ask(operations[name], schemathesis.GenerationMode.NEGATIVE)


def _ask(operation: Any, mode: Any) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        # no 5xx; no status, media type or body but the documented ones; nothing wrong is taken
        case.call_and_validate(headers=HEADERS)

    ask()
