"""The REST API over hand-made ports: answers, refusals, and what no client can provoke."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter
from pydantic import TypeAdapter

from tests.web.doubles import StubDetector, StubHealth, ask, make_app
from tinylogbert_daemon.decide import engine
from tinylogbert_daemon.errors import ServiceError
from tinylogbert_daemon.web import models
from tinylogbert_daemon.web.status import Status

DETECT = "/api/anomaly/detect"
BATCH = "/api/anomaly/batch_detect"
TOKENIZE = "/api/anomaly/tokenize"


def test_detect_answers_one_result() -> None:
    answer = ask(make_app(), "POST", DETECT, json={"log_text": "disk full"})
    assert answer.status_code == 200
    assert answer.json()["log_text"] == "disk full"
    assert answer.json()["line"] == 1
    assert models.Result.model_validate(answer.json()).model_dump() == answer.json()


def test_batch_detect_answers_results_in_order_after_one_call() -> None:
    detector = StubDetector()
    answer = ask(make_app(detector), "POST", BATCH, json={"log_texts": ["a", "b", "a"]})
    results = answer.json()["results"]
    assert [(result["line"], result["log_text"]) for result in results] == [
        (1, "a"),
        (2, "b"),
        (3, "a"),
    ]
    assert detector.calls == [["a", "b", "a"]]
    assert models.BatchResponse.model_validate(answer.json()).model_dump() == answer.json()


def test_batch_detect_of_nothing_answers_no_results() -> None:
    answer = ask(make_app(), "POST", BATCH, json={"log_texts": []})
    assert (answer.status_code, answer.json()) == (200, {"results": []})


def test_tokenize_answers_text_tokens_and_ids() -> None:
    answer = ask(make_app(), "POST", TOKENIZE, json={"log_text": "disk full"})
    assert answer.json() == {"text": "disk full", "tokens": ["disk", "full"], "ids": [0, 1]}


def test_documented_answers_have_the_fields_of_the_engine() -> None:
    assert models.Result.model_fields.keys() == engine.Result.__annotations__.keys()
    assert models.TokenizeResponse.model_fields.keys() == engine.Tokens.__annotations__.keys()


def test_the_application_loads_no_model_library() -> None:
    program = "import sys, tinylogbert_daemon.web.app; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (DETECT, {}, "log_text: Field required"),
        (DETECT, {"log_text": 7}, "log_text: Input should be a valid string"),
        (DETECT, {"log_text": None}, "log_text: Input should be a valid string"),
        (DETECT, {"log_text": "x", "threshold": 1}, "threshold: unknown field; /docs shows those"),
        (DETECT, {"log_text": "x" * 65_537}, "log_text: is longer than 64 KiB"),
        (DETECT, {"log_text": "ö" * 32_769}, "log_text: is longer than 64 KiB"),
        (DETECT, [1], "the body must be a JSON object"),
        (DETECT, "text", "the body must be a JSON object"),
        (DETECT, None, "the body must be a JSON object"),
        (BATCH, {"log_texts": "x"}, "log_texts: Input should be a valid list"),
        (BATCH, {"log_texts": ["x", 3]}, "log_texts.1: Input should be a valid string"),
        (BATCH, {"log_texts": ["x"] * 1001}, "log_texts: holds more than 1000 texts"),
        (BATCH, {"log_texts": [0] * 1001}, "log_texts: holds more than 1000 texts"),
        (TOKENIZE, {"text": "x"}, "log_text: Field required"),
    ],
)
def test_wrong_fields_are_answered_422_with_one_message(path: str, body: Any, message: str) -> None:
    headers = {"content-type": "application/json"}
    answer = ask(make_app(), "POST", path, content=json.dumps(body), headers=headers)
    assert answer.status_code == 422
    assert list(answer.json()) == ["error"]
    assert answer.json()["error"].startswith(message)


def test_the_longest_text_and_the_largest_batch_are_taken() -> None:
    app = make_app()
    assert ask(app, "POST", DETECT, json={"log_text": "x" * 65_536}).status_code == 200
    batch = ask(app, "POST", BATCH, json={"log_texts": ["x"] * 1000})
    assert len(batch.json()["results"]) == 1000


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b'{"log_text": }', 400),
        (b'{"log_text": "\xff\xfe"}', 400),
        (b"\x80", 400),
        (b"[" * 200_000, 400),
        (b'{"log_text": ' + b"9" * 10_000 + b"}", 400),
        (b'{"log_text": "\\ud800"}', 422),
        (b'{"\\ud800": 1, "log_text": "x"}', 422),
        (b'{"log_text": NaN}', 422),
    ],
)
def test_broken_bodies_are_refused_with_one_message(body: bytes, status: int) -> None:
    headers = {"content-type": "application/json"}
    answer = ask(make_app(), "POST", DETECT, content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]


@pytest.mark.parametrize("text", ["", "\x00", "a\nb\r\n", "\x1b[31m", "\u202e", "😀", "</script>"])
def test_any_unicode_text_comes_back_as_it_was_sent(text: str) -> None:
    answer = ask(make_app(), "POST", DETECT, json={"log_text": text})
    assert (answer.status_code, answer.json()["log_text"]) == (200, text)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["log_text", "log_texts"]) | st.text(), inner, max_size=4)
    ),
    max_leaves=12,
)
_APP = make_app()


@settings(max_examples=150, deadline=None)
@given(path=st.sampled_from([DETECT, BATCH, TOKENIZE]), body=_JSON)
def test_no_json_value_gives_a_server_error(path: str, body: Any) -> None:
    _check_never_5xx(path, json.dumps(body).encode())


@settings(max_examples=100, deadline=None)
@given(
    path=st.sampled_from([DETECT, BATCH, TOKENIZE]),
    body=st.binary(max_size=64)
    | st.text(alphabet=st.characters(), max_size=32).map(
        lambda text: b'{"log_text": "' + text.encode("utf-8", "surrogatepass") + b'"}'
    ),
)
def test_no_bytes_give_a_server_error(path: str, body: bytes) -> None:
    _check_never_5xx(path, body)


def _check_never_5xx(path: str, body: bytes) -> None:
    answer = ask(_APP, "POST", path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (200, 400, 422)
    if answer.status_code != 200:
        assert list(answer.json()) == ["error"]
        assert len(answer.json()["error"]) < 500


def test_a_detector_that_cannot_work_now_is_answered_503() -> None:
    detector = StubDetector(failure=ServiceError("the model is being loaded"))
    answer = ask(make_app(detector), "POST", DETECT, json={"log_text": "x"})
    assert answer.status_code == 503
    assert answer.json() == {"error": "the model is being loaded"}
    assert answer.headers["retry-after"] == "5"


def test_a_failure_inside_shows_neither_its_trace_nor_its_content(
    capfd: pytest.CaptureFixture[str],
) -> None:
    detector = StubDetector(failure=RuntimeError("password=hunter2"))
    answer = ask(make_app(detector), "POST", DETECT, json={"log_text": "x"})
    logged = capfd.readouterr()
    assert answer.status_code == 500
    assert answer.json() == {"error": "internal error; the daemon's log has more"}
    assert "RuntimeError in StubDetector.detect" in logged.out + logged.err
    assert "hunter2" not in logged.out + logged.err
    assert "Traceback" not in logged.out + logged.err


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", DETECT, 405),
        ("DELETE", "/api/status", 405),
    ],
)
def test_unknown_paths_and_methods_are_answered_as_json(
    method: str, path: str, status: int
) -> None:
    answer = ask(make_app(), method, path)
    assert answer.status_code == status
    assert "/docs" in answer.json()["error"]


def test_an_unknown_path_of_the_api_is_not_known_to_be_harmless() -> None:
    assert ask(make_app(), "GET", "/api/status/").status_code == 401


def test_health_answers_its_reason() -> None:
    health = StubHealth()
    app = make_app(health=health)
    assert ask(app, "GET", "/healthz").json() == {"status": "ok", "reason": "work goes on"}
    assert ask(app, "GET", "/readyz").status_code == 200
    health.is_ready = (False, "the model is being loaded")
    health.is_alive = (False, "the pipeline stands still")
    for path, reason in (("/readyz", health.is_ready[1]), ("/healthz", health.is_alive[1])):
        answer = ask(app, "GET", path)
        assert (answer.status_code, answer.json()) == (503, {"error": reason})


def test_status_answers_what_health_says() -> None:
    health = StubHealth()
    health.now["files"] = {"/var/log/syslog": 12}
    health.now["sources"] = {
        "system": {"records": 11, "log_time": 5.0, "learning_since": 1.0, "learning": True}
    }
    answer = ask(make_app(health=health), "GET", "/api/status")
    assert answer.json() == health.now
    TypeAdapter(Status).validate_python(answer.json(), strict=True)


def test_metrics_come_from_the_given_registry_in_the_format_asked_for() -> None:
    registry = CollectorRegistry()
    Counter("tinylogbert_things", "Things.", registry=registry).inc(3)
    app = make_app(registry=registry)
    plain = ask(app, "GET", "/metrics")
    assert "tinylogbert_things_total 3.0" in plain.text
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    accept = {"accept": "application/openmetrics-text; version=1.0.0"}
    modern = ask(app, "GET", "/metrics", headers=accept)
    assert modern.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert modern.text.endswith("# EOF\n")
