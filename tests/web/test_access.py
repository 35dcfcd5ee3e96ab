"""The token: made once, for owner and group; needed for what shows log text or changes state."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from tests.web.doubles import ask, make_app
from tests.web.histories import BEARER, TOKEN, history_app
from tinylogbert_daemon.errors import ServiceError
from tinylogbert_daemon.web.access import TRUSTED, Access, load_token
from tinylogbert_daemon.web.app import create_probes
from tinylogbert_daemon.web.status import empty_status, without_texts

NEEDS_TOKEN = [
    ("GET", "/api/incidents"),
    ("GET", "/api/incidents/stream"),
    ("GET", "/api/incidents/a"),
    ("GET", "/api/feedback"),
    ("GET", "/api/feedback/export"),
    ("POST", "/api/feedback"),
    ("POST", "/api/feedback/import"),
    ("DELETE", "/api/feedback/1"),
]
OPEN = ["/metrics", "/healthz", "/readyz", "/docs", "/openapi.json"]
OPEN += ["/api/status", "/api/sources", "/api/rates", "/api/model"]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    with history_app(tmp_path_factory.mktemp("access") / "state") as made:
        yield made


def test_every_path_is_either_open_or_needs_the_token(app: FastAPI) -> None:
    paths = {path.replace("{id}", "a").replace("{number}", "1") for path in app.openapi()["paths"]}
    asked = {f"/api/anomaly/{name}" for name in ("detect", "batch_detect", "tokenize")}
    assert paths | {"/docs", "/openapi.json"} == {*OPEN, *asked, *(path for _, path in NEEDS_TOKEN)}


@pytest.mark.parametrize(("method", "path"), NEEDS_TOKEN)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": f"Bearer {TOKEN[:-1]}"},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": "Bearer "},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": TOKEN},
        {"authorization": b"Bearer \xff\xfe"},
    ],
)
def test_without_the_token_nothing_is_shown_or_changed(
    app: FastAPI, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = ask(app, method, path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert list(answer.json()) == ["error"]


def test_two_tokens_are_none(app: FastAPI) -> None:
    headers = [("authorization", f"Bearer {TOKEN}")] * 2
    assert ask(app, "GET", "/api/incidents", headers=headers).status_code == 401


@pytest.mark.parametrize("path", OPEN)
def test_what_holds_no_log_text_is_open_on_loopback(app: FastAPI, path: str) -> None:
    assert ask(app, "GET", path).status_code == 200


def test_the_token_helps_no_page_of_another_site(app: FastAPI) -> None:
    headers = BEARER | {"origin": "http://evil.example"}
    assert ask(app, "GET", "/api/incidents", headers=headers).status_code == 403
    rebound = BEARER | {"host": "evil.example"}
    assert ask(app, "GET", "/api/incidents", headers=rebound).status_code == 400


def test_no_answer_allows_pages_of_other_sites_to_read_it(app: FastAPI) -> None:
    answer = ask(app, "OPTIONS", "/api/incidents", headers=BEARER)
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_over_the_unix_socket_no_token_is_needed(app: FastAPI) -> None:
    async def over_the_socket(scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        await app({**scope, TRUSTED: True}, receive, send)

    answer = ask(over_the_socket, "GET", "/api/incidents", headers={"host": "anything"})
    assert answer.json() == {"incidents": [], "next": None}


def test_where_there_is_no_token_none_is_right() -> None:
    app = make_app()
    assert (
        ask(app, "GET", "/api/incidents", headers={"authorization": "Bearer "}).status_code == 401
    )


@pytest.mark.parametrize("path", ["/api/status", "/api/model", "/docs", "/openapi.json"])
def test_beyond_loopback_all_but_metrics_and_health_needs_the_token(path: str) -> None:
    access = Access(TOKEN, frozenset({"logs.example"}), "https", loopback=False)
    assert not access.is_open(path)
    assert not access.is_open("/api/anomaly/detect")
    assert access.is_open("/metrics")


def test_texts_of_a_comparison_are_shown_with_the_token_only() -> None:
    status = empty_status("1")
    shadow = {"model": "m", "new_texts": ["secret plan"], "gone_texts": ["another"]}
    status["learning"] = {**status["learning"], "shadow": shadow}  # type: ignore[typeddict-item]
    assert "secret plan" not in str(without_texts(status))
    assert "'model': 'm'" in str(without_texts(status))


def test_the_address_for_metrics_answers_them_and_nothing_else() -> None:
    from prometheus_client import CollectorRegistry

    from tests.web.doubles import StubHealth

    probes = create_probes(registry=CollectorRegistry(), health=StubHealth(), version="9.9")
    host = {"host": "node7.example:9101"}
    for path in ("/metrics", "/healthz", "/readyz"):
        assert ask(probes, "GET", path, headers=host).status_code == 200
    for path in ("/docs", "/openapi.json", "/nothing"):
        assert ask(probes, "GET", path, headers=host).status_code == 404
    for path in ("/api/status", "/api/anomaly/detect", "/api/incidents"):
        assert ask(probes, "GET", path, headers=host | BEARER).status_code in {401, 404}


# -- the file ----------------------------------------------------------------------------------


def test_the_token_is_made_once_for_owner_and_group(tmp_path: Path) -> None:
    path = tmp_path / "api.token"
    token = load_token(path)
    assert len(token) >= 43
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert load_token(path) == token
    assert load_token(tmp_path / "other") != token
    assert sorted(one.name for one in tmp_path.iterdir()) == ["api.token", "other"]


def test_a_token_that_is_not_whole_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "api.token"
    path.write_text("short\n")
    path.chmod(0o640)
    assert len(load_token(path)) >= 43


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o646])
def test_a_token_that_others_can_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "api.token"
    load_token(path)
    path.chmod(mode)
    with pytest.raises(ServiceError, match=r"others could read or write.*delete it"):
        load_token(path)


def test_a_token_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="cannot use the API's token: No such file"):
        load_token(tmp_path / "none" / "api.token")
    (tmp_path / "target").write_text("x" * 50)
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(ServiceError, match="cannot use the API's token"):
        load_token(tmp_path / "link")
