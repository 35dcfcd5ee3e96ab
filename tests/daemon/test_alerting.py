"""The daemon's alerts in other systems: through outages of both sides, and put back."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import log_lines
from tests.daemon.service import Service, until
from tests.sinks.server import OK, answer, serve
from tests.sinks.test_alertmanager import Manager, needs_alertmanager
from tinylogbert_daemon.state import Store
from tinylogbert_daemon.state.letters import revive_beside

SECRET = "s3cr3t-of-the-hook"


def _metric(service: Service, name: str, sink: str) -> float:
    return sum(
        sample.value
        for family in text_string_to_metric_families(service.get("/metrics"))
        for sample in family.samples
        if sample.name == f"tinylogbert_{name}" and sample.labels == {"sink": sink}
    )


def _configure(service: Service, manager: Manager, hook: str) -> None:
    service.configure(
        decision={"threshold": 0.0, "learning_hours": 0},
        sinks={
            "instance": "web7",
            "refused_tries": 1,
            "alertmanager": {"enabled": True, "urls": [manager.url], "resend_seconds": 1},
            "webhook": {"enabled": True, "url": f"{hook}/{SECRET}", "content": "none"},
        },
    )


@needs_alertmanager
def test_others_are_told_through_outages_of_both_sides(service: Service, tmp_path: Path) -> None:
    manager = Manager(tmp_path)
    service.write("app.log", *log_lines(50))
    # one is down from the start, and one that refuses everything delays no other
    with serve(answer("404 Not Found")) as hook:
        _configure(service, manager, hook.url)
        service.start()
        service.write("app.log", "billing: disk sda failed")
        until(lambda: _metric(service, "alerts_failed_total", "alertmanager"), "a failed try")
        until(lambda: _metric(service, "alerts_dead_total", "webhook") == 1, "a dead letter")
        until(lambda: _metric(service, "deliveries_pending", "alertmanager") == 1, "what is owed")
        until(service.alerts, "the file, which works")
        shown = service.get("/api/status") + service.get("/metrics")
        assert service.stop() == 0
    with serve(OK) as mended:
        _configure(service, manager, mended.url)
        service.start()
        try:
            manager.start()
            until(manager.alerts, "what was owed")
            (alert,) = manager.alerts()
            # it forgets all, and is told again
            manager.stop()
            manager.start()
            until(manager.alerts, "what is open")
            assert manager.alerts()[0]["fingerprint"] == alert["fingerprint"]
        finally:
            manager.stop()
        view = Store(service.state, read_only=True)
        (letter,) = view.dead_letters()
        # put back beside the running daemon, and delivered by it
        assert revive_beside(view.path, None, []) == 1
        view.close()
        until(lambda: mended.requests, "what was put back")
        shown += service.get("/api/status") + service.get("/metrics")
        assert service.stop() == 0
    assert alert["annotations"]["line"] == "billing: disk sda failed"
    assert alert["labels"]["instance"] == "web7"
    assert (letter.sink, letter.reason) == ("webhook", f"{hook.url}: answered 404 Not Found")
    # not a word of the line where none is to be told
    (request,) = mended.requests
    assert request.json["alerts"][0]["labels"]["text_hash"] == alert["labels"]["text_hash"]
    assert b"billing" not in request.body + hook.requests[0].body
    assert SECRET not in shown + service.log_file.read_text() + letter.reason
    assert "Traceback" not in service.log_file.read_text()
