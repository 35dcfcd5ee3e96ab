"""Alerts as the real Alertmanager has them, while it runs, is stopped, and is there again."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from tests.decide.anomalies import anomaly
from tests.sinks.server import HOSTILE, OK, alert_body, answer, serve
from tests.state.effects import block_effects
from tinylogbert_daemon.config.sinks import Alertmanager
from tinylogbert_daemon.decide.alert import body
from tinylogbert_daemon.decide.incident import Incident
from tinylogbert_daemon.metrics import Metrics
from tinylogbert_daemon.sinks.alertmanager import AlertmanagerSink
from tinylogbert_daemon.sinks.delivery import Delivery, look
from tinylogbert_daemon.sinks.sink import Outlet, RefusedError
from tinylogbert_daemon.state import Store

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
TIMEOUT_SECONDS = 40.0
needs_alertmanager = pytest.mark.skipif(
    PROGRAM is None, reason="needs prometheus-alertmanager (of Debian)"
)
# what is not repeated for so long is taken for resolved
RESOLVE_SECONDS = 3


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


class Manager:
    """The real Alertmanager, which can be stopped and started again."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        (directory / "alertmanager.yml").write_text(
            f"global: {{resolve_timeout: {RESOLVE_SECONDS}s}}\n"
            "route: {receiver: nobody, group_wait: 1h}\nreceivers: [{name: nobody}]\n"
        )

    def start(self) -> None:
        assert PROGRAM is not None
        with (self.directory / "output").open("ab") as output:
            self.process = subprocess.Popen(
                [
                    PROGRAM,
                    f"--config.file={self.directory}/alertmanager.yml",
                    f"--storage.path={self.directory}/data",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    "--cluster.listen-address=",
                ],
                stdout=output,
                stderr=output,
            )
        self._until_ready()

    def _until_ready(self) -> None:
        end = time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < end:
            assert self.process is not None
            assert self.process.poll() is None, (self.directory / "output").read_text()
            try:
                with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5):
                    return
            except (OSError, urllib.error.URLError):
                time.sleep(0.05)
        pytest.fail("it does not get ready")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(TIMEOUT_SECONDS)
            self.process = None

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that it takes for active."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=5) as answered:
            found: list[dict[str, Any]] = json.load(answered)
        return found


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(tmp_path)
    made.start()
    yield made
    made.stop()


class Scene:
    """A state with incidents, and the loop that delivers them."""

    def __init__(self, directory: Path, *urls: str) -> None:
        self.store = Store(directory / "state")
        self.executor = ThreadPoolExecutor(1)
        self.metrics = Metrics(CollectorRegistry())
        config = Alertmanager.model_validate(
            {"enabled": True, "urls": list(urls), "labels": {"team": "ops"}, "resend_seconds": 1.0}
        )
        sink = AlertmanagerSink(config, "web1")
        outlet = Outlet(sink, resend_seconds=1.0)
        self.delivery = Delivery(
            outlet, self.store, self.executor, self.metrics, chance=lambda: 0.99
        )
        self.now = time.time()

    def incident(self, number: int = 1, **changes: Any) -> Incident:
        first = anomaly(
            f"text {number}", offset=number, time=self.now - 60, first_line="disk failed"
        )
        return replace(
            Incident(first.id, first, first.time, self.now, 3, "last", True, peak=0.9), **changes
        )

    def commit(self, incident: Incident, *, owe: bool = True) -> None:
        effects = block_effects(1)
        effects.incidents = {incident.id: incident}
        effects.deliveries = [("alertmanager", incident.id, body(incident))] if owe else []
        self.store.commit(effects)

    async def while_delivering(self, play: Callable[[], Any]) -> None:
        """Run the loop while ``play`` runs in a thread, as the daemon would."""

        async def measure() -> None:
            while True:
                await look([self.delivery], self.store, self.executor, self.metrics)
                await asyncio.sleep(0.1)

        task = asyncio.ensure_future(self.delivery.run())
        measuring = asyncio.ensure_future(measure())
        try:
            await asyncio.to_thread(play)
        finally:
            self.delivery.stop()
            measuring.cancel()
            await asyncio.wait([task, measuring])
        task.result()

    def state(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """Use the state from the one thread that may."""
        return self.executor.submit(call, *arguments).result()

    def value(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(
            f"tinylogbert_{name}", {"sink": "alertmanager"}
        )

    def close(self) -> None:
        self.executor.shutdown()
        self.store.close()


def until(condition: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + TIMEOUT_SECONDS
    while not (found := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.05)
    return found


@needs_alertmanager
def test_an_incident_is_one_alert_while_it_grows_and_ends_with_it(
    tmp_path: Path, manager: Manager
) -> None:
    scene = Scene(tmp_path, manager.url)

    def play() -> None:
        scene.state(scene.commit, scene.incident())
        (alert,) = until(manager.alerts, "the alert")
        assert alert["labels"] == {
            "alertname": "LogAnomaly",
            "severity": "critical",
            "instance": "web1",
            "source": "app",
            "text_hash": alert["labels"]["text_hash"],
            "team": "ops",
        }
        assert alert["annotations"]["line"] == "disk failed"
        assert alert["annotations"]["reason"] == "never seen on this host"
        # it grows: nothing is owed, but what is open is repeated
        grown = scene.incident(records=41, last_line="disk 9 failed")
        scene.state(lambda: scene.commit(grown, owe=False))

        def has_grown() -> bool:
            return bool(manager.alerts()[0]["annotations"]["records"] == "41")

        until(has_grown, "its growth")
        # for longer than it would live without being repeated
        end = time.monotonic() + RESOLVE_SECONDS + 1.5
        while time.monotonic() < end:
            (now,) = manager.alerts()
            assert now["fingerprint"] == alert["fingerprint"]
            assert now["startsAt"] == alert["startsAt"]
            time.sleep(0.1)
        closed = replace(grown, closed=time.time(), close_reason="quiet")
        before = time.monotonic()
        scene.state(scene.commit, closed)
        until(lambda: not manager.alerts(), "its end")
        # by what we said, not by its own timeout
        assert time.monotonic() - before < RESOLVE_SECONDS
        # Alertmanager knows before we have its answer
        until(lambda: scene.value("alerts_sent_total") == 2, "the count of what was sent")
        assert scene.state(scene.store.pending_counts) == {}

    asyncio.run(scene.while_delivering(play))
    scene.close()


@needs_alertmanager
def test_what_was_owed_while_it_was_down_arrives(tmp_path: Path, manager: Manager) -> None:
    scene = Scene(tmp_path, manager.url)

    def play() -> None:
        scene.state(scene.commit, scene.incident(1))
        until(lambda: len(manager.alerts()) == 1, "the first alert")
        manager.stop()
        gone = scene.incident(3)
        for incident in (scene.incident(2), gone, replace(gone, closed=time.time())):
            scene.state(scene.commit, incident)
        until(lambda: scene.value("alerts_failed_total"), "a failed try")
        assert scene.value("deliveries_pending") == 3
        manager.start()
        # what it had forgotten is repeated, and what was over meanwhile is no alert
        until(lambda: len(manager.alerts()) == 2, "both open alerts")
        until(lambda: scene.state(scene.store.pending_counts) == {}, "nothing owed")
        hashes = {alert["labels"]["text_hash"] for alert in manager.alerts()}
        assert len(hashes) == 2
        assert scene.state(scene.store.dead_letters) == []

    asyncio.run(scene.while_delivering(play))
    scene.close()


@needs_alertmanager
def test_it_takes_hostile_lines_and_odd_times(tmp_path: Path, manager: Manager) -> None:
    sink = AlertmanagerSink(Alertmanager.model_validate({"urls": [manager.url]}), "web1")
    soon = time.time() + 60
    bodies = [
        alert_body(HOSTILE, source=HOSTILE, path=HOSTILE, time=soon),
        alert_body("x" * 100_000, time=0.0),
        alert_body(time=1e300),
        # closed before it began, as a log's times can have it
        alert_body(time=soon, closed=1.0),
    ]
    for one in bodies:
        answered = asyncio.run(sink.deliver([one]))
        assert answered.endswith("200 OK")
    lines = [alert["annotations"]["line"] for alert in manager.alerts()]
    assert any("\\r\\nBcc:" in line for line in lines)


def test_each_member_is_told_and_one_that_takes_it_is_enough() -> None:
    with serve(OK) as well, serve(answer("500 Oops")) as ill:
        config = Alertmanager.model_validate(
            {"urls": [f"{ill.url}/am/", f"http://u:secret@127.0.0.1:{well.port}"]}
        )
        sink = AlertmanagerSink(config, "web1")
        said = asyncio.run(sink.deliver([alert_body()]))
        assert said == f"{well.url}: 200 OK; {ill.url}: answered 500 Oops"
        assert ill.requests[0].head.startswith("POST /am/api/v2/alerts HTTP/1.1")
        assert well.requests[0].head.startswith("POST /api/v2/alerts HTTP/1.1")
        assert "endsAt" not in well.requests[0].json[0]
        assert sink.where == f"{ill.url}, {well.url}"


def test_a_refusal_counts_only_where_no_member_may_take_it_later() -> None:
    with serve(answer("400 Bad")) as refusing, serve(answer("500 Oops")) as ill:
        both = Alertmanager.model_validate({"urls": [refusing.url, ill.url]})
        with pytest.raises(ConnectionError):
            asyncio.run(AlertmanagerSink(both, "web1").deliver([alert_body()]))
        one = Alertmanager.model_validate({"urls": [refusing.url]})
        with pytest.raises(RefusedError):
            asyncio.run(AlertmanagerSink(one, "web1").deliver([alert_body()]))
