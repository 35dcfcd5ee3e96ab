"""Feedback to a real daemon: muted, visible, still there after a restart, undone."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.daemon.service import Service, until
from tinylogbert_daemon import cli
from tinylogbert_daemon.cli.client import Daemon
from tinylogbert_daemon.state import Store

pytestmark = pytest.mark.timeout(240)

BOOM = "2026-06-12T10:00:00Z ERROR [worker-1] broker: cannot reach queue at 10.1.1.7:5672"


Ask = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def ask(service: Service, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Run a command in this process against the service; gives the JSON objects that it prints."""

    def run(*arguments: str) -> list[dict[str, Any]]:
        assert cli.main([*arguments, "--json", "-c", str(service.config_file)]) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run


def test_a_text_is_muted_seen_muted_and_alerts_again_once_undone(
    service: Service, ask: Ask
) -> None:
    service.configure(decision={"learning_hours": 0, "threshold": 0.0})
    service.start()
    service.write("new.log", BOOM)
    until(lambda: len(service.alerts()) == 1, "an alert")
    until(lambda: ask("incidents", "--open"), "an incident")
    (found,) = ask("incidents", "--open", "--search", "CANNOT reach")
    assert found["log_text"] == BOOM

    (entry,) = ask("feedback", "add", "mute", found["id"], "--for", "2h", "--author", "anna")
    until(lambda: ask("incidents", "--muted"), "it is flagged")
    (shown,) = ask("incidents", found["id"])
    assert (shown["status"], shown["close_reason"]) == ("closed", "muted")
    assert shown["muted"] == {
        "feedback": 1,
        "kind": "mute",
        "author": "anna",
        "until": entry["expires"],
    }
    until(lambda: len(service.alerts()) == 2, "its closing is sent")

    # the next of it opens an incident without a delivery, also after a restart
    assert service.stop() == 0
    service.start()
    service.write("new.log", BOOM)
    until(lambda: len(ask("incidents", "--muted", "--open")) == 1, "a muted incident")
    assert 'reason="muted"} 1.0' in service.get("/metrics")
    assert [one["status"] for one in service.alerts()] == ["open", "closed"]

    # what was undone alerts again
    ask("feedback", "undo", "1", "--author", "ben")
    until(lambda: not ask("incidents", "--muted", "--open"), "the muted one is over")
    assert 'tinylogbert_feedback_total{kind="undo"} 1.0' in service.get("/metrics")
    service.write("new.log", BOOM)
    until(lambda: len(service.alerts()) == 3, "an alert again")
    assert service.alerts()[-1]["log_text"] == BOOM

    assert service.stop() == 0
    # the state says the same when no daemon runs, and takes feedback
    (entry,) = ask("feedback", "list")
    assert entry["undone_by"] == "ben"
    ask("feedback", "add", "normal", "--line", BOOM)
    assert len(ask("feedback", "list", "--active")) == 1
    assert not (service.state / "api.sock").exists()


def test_token_and_socket_are_for_user_and_group(service: Service) -> None:
    service.configure(decision={"learning_hours": 0, "threshold": 0.0})
    service.start()
    token, socket = service.state / "api.token", service.state / "api.sock"
    assert stat.S_IMODE(token.stat().st_mode) == 0o640
    assert stat.S_IMODE(socket.stat().st_mode) == 0o660
    assert Daemon(socket).ask("GET", "/api/model")["type"] == "tinylogbert"
    (source,) = Daemon(socket).ask("GET", "/api/sources")["sources"]
    assert (source["name"], source["state"]) == ("app", "missing")
    service.send(9)
    service.process.wait()  # type: ignore[union-attr]
    assert socket.exists()
    service.start()  # what a killed daemon left makes way
    assert Daemon(socket).ask("GET", "/api/incidents")["incidents"] == []
    told: list[Any] = []
    listener = Thread(target=lambda: told.extend(Daemon(socket).events("/api/incidents/stream")))
    listener.start()
    # each block changes the incident, and whoever listens by then is told
    until(lambda: service.write("new.log", BOOM) and told, "an incident")
    assert service.stop() == 0  # who listens does not keep it, and hears its end
    listener.join(20)
    assert not listener.is_alive()
    assert {(name, one["log_text"]) for name, one in told} == {("incident", BOOM)}


def test_feedback_without_daemon_and_state_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["feedback", "list", "--state-dir", str(tmp_path / "none")]) == 1
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert "holds no state of a daemon" in errors


def test_a_state_that_is_in_use_but_does_not_answer_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(tmp_path / "state")
    given = ["feedback", "undo", "1", "--state-dir", str(tmp_path / "state")]
    assert cli.main(given) == 1
    assert "a daemon uses this state, and does not answer" in capsys.readouterr().err
    store.close()
    assert cli.main(given) == 1
    assert "no feedback has the number 1" in capsys.readouterr().err
