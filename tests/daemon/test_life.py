"""A daemon's life: start, follow, reload, stop, go on."""

from __future__ import annotations

import json
import re
import signal
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import log_lines
from tests.daemon.service import Service, until
from tinylogbert_daemon.model.artifact import load
from tinylogbert_daemon.model.precision import fastest

_HEAVY = re.compile(r"\|\s*(transformers|sklearn|matplotlib|scipy)\s*$", re.MULTILINE)


def test_it_tails_a_growing_file_and_drains_at_the_end(service: Service) -> None:
    path = str(service.write("app.log", "before it started"))
    service.start(python=("-X", "importtime"))
    lines = log_lines(500)
    for start in range(0, 500, 50):
        service.write("app.log", *lines[start : start + 50])
    service.write("app.log", "x" * (10 << 20), "after a line of ten megabytes")
    until(lambda: service.committed().get(path) == 502, "502 lines committed")
    metrics = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(service.get("/metrics"))
        for sample in family.samples
    }
    # what was there before was read back for counts only
    assert metrics["tinylogbert_read_lines_total", path] == 502
    assert metrics["tinylogbert_records_total", "app"] == 503
    assert metrics["tinylogbert_lines_truncated_total", "record"] == 1
    assert service.get("/healthz") and service.get("/readyz")
    assert service.stop(signal.SIGTERM) == 0
    assert service.event("stopped")
    status = service.status()
    assert (status["daemon"], status["files"]) == ("not running", {path: 502})
    # only training may load these, and they were not needed
    imported = service.log_file.read_text()
    assert "import time:" in imported and "torch" in imported
    assert not _HEAVY.search(imported)


def test_every_line_once_over_rotations_and_restarts(service: Service) -> None:
    rotations, lines, written = 20, 300, 0
    service.write("app.log")
    service.start()
    for number in range(rotations):
        for part in range(3):
            service.write("app.log", *[f"{number} {part} x{n}" for n in range(lines // 3)])
            written += lines // 3
        if number == 7:
            assert service.stop() == 0
        if number in (13, 17):  # at an arbitrary moment
            service.kill()
        for old in range(number, -1, -1):
            source = service.logs / (f"app.log.{old}" if old else "app.log")
            source.rename(service.logs / f"app.log.{old + 1}")
        service.write("app.log")
        if service.ended():
            service.start()
    assert written == rotations * lines
    path = str(service.logs / "app.log")
    until(lambda: service.committed().get(path, 0) >= written, "all lines")
    assert service.stop() == 0
    assert service.status()["files"] == {path: written}


def test_sighup_applies_a_good_configuration_and_keeps_the_old_one_else(
    service: Service, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "new.txt").write_text("1\n2\n")
    with _systemd(tmp_path / "notify") as (messages, address):
        service.start(env={"NOTIFY_SOCKET": address})
        until(lambda: any("READY=1" in message for message in messages()), "READY=1")
        written = 0

        def write() -> None:
            nonlocal written
            service.write("app.log", *[f"line {n}" for n in range(200)])
            written += 200

        write()
        good = dict(service.config)
        service.configure(decision={"threshold": 7})
        service.send(signal.SIGHUP)
        until(lambda: service.events("configuration not reloaded, the old one stays"), "refusal")
        (said,) = service.events("configuration not reloaded, the old one stays")
        assert said["error"].endswith("decision.threshold: must be at most 1.0")
        write()

        # right in itself, but it cannot be run
        service.configure(**{**good, "model": {"path": str(tmp_path)}})
        service.send(signal.SIGHUP)
        until(lambda: service.events("cannot run so, the old configuration stays"), "refusal")
        write()
        until(lambda: len(service.events("running")) == 2, "running with the old one")

        added = {"name": "new", "paths": [f"{other}/*.txt"]}
        service.configure(
            **{**good, "sources": [*good["sources"], added], "logging": {"format": "console"}}
        )
        service.send(signal.SIGHUP)
        write()
        until(lambda: "model=" in service.log_file.read_text(), "running, in the new format")
        assert service.stop() == 0
        joined = "\n".join(messages())
    assert joined.count("RELOADING=1") == 3
    assert joined.count("READY=1") == 4
    assert "STOPPING=1" in joined
    path = str(service.logs / "app.log")
    assert service.status()["files"][path] == written
    assert service.status()["sources"]["new"]["records"] == 2


def test_a_reload_takes_other_numbers_and_says_so(service: Service) -> None:
    model = service.config["model"]
    service.configure(model=model | {"precision": "fp32"})
    service.start()
    service.configure(model=model | {"precision": "auto"})
    service.send(signal.SIGHUP)
    until(lambda: len(service.events("running")) == 2, "running again")
    said = [event["precision"] for event in service.events("running")]
    assert said == ["fp32", fastest(load(model["path"]))]


@contextmanager
def _systemd(path: Path) -> Iterator[tuple[Callable[[], list[str]], str]]:
    """Listen as systemd does; gives a function that returns what has come so far."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.setblocking(False)
        found: list[str] = []

        def messages() -> list[str]:
            while True:
                try:
                    found.append(listener.recv(4096).decode())
                except BlockingIOError:
                    return found

        yield messages, str(path)


def test_a_second_interrupt_leaves_at_once(service: Service) -> None:
    service.start()
    until(lambda: "app" in json.loads(service.get("/api/status"))["sources"], "a known source")
    # a state that is locked by another program keeps the drain waiting
    with sqlite3.connect(service.state / "state.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        service.write("app.log", "a line")
        until(lambda: service.event("cannot commit; reading waits"), "a commit that fails")
        service.send(signal.SIGINT)
        until(lambda: service.event("stopping; once more to leave at once"), "stopping")
        assert not service.ended()
        assert service.stop(signal.SIGINT) == 130
        other.execute("ROLLBACK")
    other.close()
    assert "Traceback" not in service.log_file.read_text()
    # nothing was committed, and the next run reads it
    service.start()
    until(lambda: sum(service.committed().values()) == 1, "the line")
    assert service.stop(signal.SIGINT) == 0


def test_its_own_output_in_a_tailed_directory_is_not_looped(service: Service) -> None:
    service.log_file = service.logs / "daemon.log"
    service.configure(
        decision={"threshold": 0.0, "learning_hours": 0},
        sinks={"jsonl": {"path": str(service.logs / "alerts.log")}},
    )
    with (service.logs / "stdout.log").open("wb") as stdout:
        service.start(stdout=stdout)
        service.write("app.log", "one line", "and another 17", "and another 18")
        alerts = service.logs / "alerts.log"
        until(lambda: alerts.exists() and len(alerts.read_text().splitlines()) == 2, "alerts")
        until(lambda: len(service.events("alert")) == 2, "alerts in the log")
        service.write("app.log", "a last one, after every file was seen")
        until(lambda: len(service.events("alert")) == 3, "the last one's alert")
        assert service.stop() == 0
    assert service.status()["files"] == {str(service.logs / "app.log"): 4}
    assert len(alerts.read_text().splitlines()) == 3
