"""Our alerts go to syslog, and we tail what syslog writes: no alert of an alert comes of it."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.daemon.service import TIMEOUT_SECONDS, Service, until

RSYSLOGD = shutil.which("rsyslogd") or "/usr/sbin/rsyslogd"
LOGGER = shutil.which("logger") or "/usr/bin/logger"

pytestmark = pytest.mark.skipif(
    not (Path(RSYSLOGD).exists() and Path(LOGGER).exists()),
    reason="needs rsyslogd and logger",
)

# programs log to the socket; what the daemon writes on standard error comes in as its unit's
# output does, under its name; all of it is written as text and as JSON
_CONFIGURATION = """
global(workDirectory="{work}")
module(load="imuxsock" SysSock.Use="off")
module(load="imfile")
input(type="imuxsock" Socket="{socket}" CreatePath="on")
input(type="imfile" File="{stderr}" Tag="tinylogbert[77]:" Severity="warning" reopenOnTruncate="on")
template(name="json" type="list") {{ property(name="jsonmesg") constant(value="\\n") }}
action(type="omfile" File="{logs}/syslog.log" Template="RSYSLOG_TraditionalFileFormat")
action(type="omfile" File="{logs}/file.log" Template="RSYSLOG_FileFormat")
action(type="omfile" File="{logs}/json.log" Template="json")
"""
FORMS = ("syslog.log", "file.log", "json.log")


class Syslog:
    """The real rsyslogd, with a socket and files of its own."""

    def __init__(self, service: Service) -> None:
        work = service.directory / "rsyslog"
        work.mkdir()
        self.logs = service.logs
        self.socket = work / "log.sock"
        service.log_file.touch()
        configuration = work / "rsyslog.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                work=work, socket=self.socket, stderr=service.log_file, logs=self.logs
            )
        )
        with (work / "output").open("wb") as output:
            self.process = subprocess.Popen(
                [RSYSLOGD, "-n", "-f", str(configuration), "-i", str(work / "pid")],
                stdout=output,
                stderr=output,
            )
        until(lambda: self.socket.exists() or self.process.poll() is not None, "the socket")
        assert self.process.poll() is None, (work / "output").read_text()

    def log(self, program: str, line: str) -> None:
        subprocess.run(
            [LOGGER, "-t", program, "--socket", str(self.socket), line], check=True, timeout=30
        )

    def lines(self, name: str) -> list[str]:
        path = self.logs / name
        return path.read_text().splitlines() if path.exists() else []

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(TIMEOUT_SECONDS)


@pytest.fixture
def syslog(service: Service) -> Iterator[Syslog]:
    made = Syslog(service)
    yield made
    made.stop()


def _metric(service: Service, name: str, **labels: str) -> float:
    return sum(
        sample.value
        for family in text_string_to_metric_families(service.get("/metrics"))
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def _alerts(lines: list[str]) -> int:
    """Return how many lines are alerts of ours, as text or inside a JSON string."""
    return sum('"event": "alert"' in line.replace("\\", "") for line in lines)


def test_our_own_alert_in_the_tailed_syslog_is_no_second_alert(
    service: Service, syslog: Syslog
) -> None:
    # every text that is not ours alerts
    service.configure(
        sources=[
            {"name": name.partition(".")[0], "paths": [str(service.logs / name)]} for name in FORMS
        ],
        decision={"threshold": 0.0, "learning_hours": 0, "alert_budget": 100, "burst": 50},
    )
    service.start()

    def come_back(alerts: int) -> bool:
        """Return whether so many alerts were logged, came back in each file, and were read."""
        return (
            len(service.events("alert")) == alerts
            and all(_alerts(syslog.lines(name)) == alerts for name in FORMS)
            # what is there at the start is read back: records, though not read_lines_total
            and _metric(service, "tinylogbert_records_total")
            == sum(len(syslog.lines(name)) for name in FORMS)
        )

    syslog.log("billing", "disk sda failed")
    until(lambda: come_back(3), "one alert of each file, back in each file")
    # a line after that: were our alerts alerted on, theirs would stand before its alerts
    syslog.log("billing", "mirror sdb degraded")
    until(lambda: come_back(6), "one more alert of each file")

    alerts = service.alerts()
    assert sorted(one["source"] for one in alerts) == sorted([*("file", "json", "syslog")] * 2)
    for alert in alerts:
        assert "billing" in alert["log_text"]
    lines = [line for name in FORMS for line in syslog.lines(name)]
    own = [line for line in lines if "tinylogbert[77]:" in line]
    assert len(own) >= 3 * 6
    assert {line for line in lines if "billing" in line and line not in own}
    assert _metric(service, "tinylogbert_lines_dropped_total", reason="own") == len(own)
    assert _metric(service, "tinylogbert_records_total") == len(lines)
    assert service.stop() == 0
    # nor was anything of it learned as normal
    with sqlite3.connect(service.state / "state.db") as db:
        shapes = [shape.decode() for (shape,) in db.execute("SELECT shape FROM texts")]
    db.close()
    assert len(shapes) == 4  # both text forms are one text
    assert not [shape for shape in shapes if "tinylogbert[" in shape]
    assert "Traceback" not in service.log_file.read_text()
    assert service.status()["incidents_open"] == 6
