"""Feedback to a real daemon: muted over the socket, visible, still there after a restart, undone."""

from __future__ import annotations

import json
import stat
import time
from pathlib import Path

import pytest

from tests.daemon.service import Service, call, until
from tinylogbert_daemon.cli.client import Daemon

pytestmark = pytest.mark.timeout(120)

BOOM = "2026-06-12T10:00:00Z ERROR [worker-1] broker: cannot reach queue at 10.1.1.7:5672"


def _command(service: Service, *arguments: str) -> list[dict[str, object]]:
    done = call(*arguments, "--json", "-c", service.config_file)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def _incidents(service: Service, *options: str) -> list[dict[str, object]]:
    return _command(service, "incidents", *options)


def test_a_text_is_muted_seen_muted_and_alerts_again_once_undone(service: Service) -> None:
    service.configure(decision={"learning_hours": 0, "threshold": 0.0})
    service.write("app.log", "2026-06-12T09:00:00Z INFO  [worker-1] search: processed 7 pages")
    service.start()
    service.write("new.log", BOOM)
    until(lambda: len(service.alerts()) == 1, "an alert")
    until(lambda: _incidents(service, "--open"), "an incident")
    (found,) = _incidents(service, "--open", "--search", "CANNOT reach")
    assert found["log_text"] == BOOM

    (entry,) = _command(
        service, "feedback", "add", "mute", str(found["id"]), "--for", "2h", "--author", "anna"
    )
    (shown,) = _command(service, "incidents", str(found["id"]))
    until(lambda: _incidents(service, "--muted"), "it is flagged")
    (shown,) = _command(service, "incidents", str(found["id"]))
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
    until(lambda: len(_incidents(service, "--muted", "--open")) == 1, "a muted incident")
    assert 'reason="muted"} 1.0' in service.get("/metrics")
    assert [one["status"] for one in service.alerts()] == ["open", "closed"]

    # what was undone alerts again
    _command(service, "feedback", "undo", "1", "--author", "ben")
    until(lambda: not _incidents(service, "--muted", "--open"), "the muted one is over")
    assert 'tinylogbert_feedback_total{kind="undo"} 1.0' in service.get("/metrics")
    service.write("new.log", BOOM)
    until(lambda: len(service.alerts()) == 3, "an alert again")
    assert service.alerts()[-1]["log_text"] == BOOM

    assert service.stop() == 0
    # the state says the same when no daemon runs, and takes feedback
    (entry,) = _command(service, "feedback", "list")
    assert entry["undone_by"] == "ben"
    _command(service, "feedback", "add", "normal", "--line", BOOM)
    assert len(_command(service, "feedback", "list", "--active")) == 1
    assert not (service.state / "api.sock").exists()


def test_token_and_socket_are_for_user_and_group(service: Service) -> None:
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
    began = time.monotonic()
    listening = Daemon(socket).events("/api/incidents/stream")
    service.write("new.log", "2026-06-12T10:00:00Z FATAL out of memory")
    assert service.stop() == 0  # who listens does not keep it
    assert time.monotonic() - began < 20
    list(listening)


def test_feedback_without_daemon_and_state_is_one_clear_line(
    tmp_path: Path, model_folder: Path
) -> None:
    done = call("feedback", "list", "--state-dir", tmp_path / "none")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "holds no state of a daemon" in done.stderr
