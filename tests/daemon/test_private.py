"""What a daemon keeps and says of a log with secrets in it, and who may read that."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from pathlib import Path

import pytest

from tests.conftest import log_lines
from tests.daemon.service import Service, until

SECRETS = ("geheimnis", "s3cr3tz", "AKIAIOSFODNN7EXAMPLE", "4111111111111111")
LINES = (
    "worker: cannot open session with password=geheimnis as alice",
    "worker: lost postgres://app:s3cr3tz@db:5432/orders for good",
    "worker: refused by AKIAIOSFODNN7EXAMPLE while paying with 4111111111111111",
)


def _everything(service: Service) -> bytes:
    """Return the bytes of all files of the state, and what the daemon said."""
    files = [path for path in service.state.rglob("*") if path.is_file()]
    return b"".join(path.read_bytes() for path in [*files, service.log_file])


@pytest.fixture
def alerting(service: Service) -> Service:
    """A service that alerts on every new text."""
    service.configure(decision={"threshold": 0.0, "learning_hours": 0})
    return service


def test_no_secret_is_in_any_file_of_the_state_nor_in_the_log(alerting: Service) -> None:
    path = str(alerting.write("app.log", *log_lines(50)))
    alerting.start()
    alerting.write("app.log", *LINES)
    until(lambda: len(alerting.alerts()) == 3, "alerts")
    until(lambda: len(alerting.events("alert")) == 3, "alerts in the log")
    assert alerting.committed() == {path: 3}
    shown = alerting.get("/api/status") + alerting.get("/metrics")
    found = _everything(alerting)  # the write-ahead log too: the daemon still runs
    assert alerting.stop() == 0
    found += _everything(alerting)
    assert b"[masked:password]" in found and b"worker" in found
    for secret in SECRETS:
        assert secret.encode() not in found
        assert secret not in shown
    assert "geheimnis" not in json.dumps(alerting.status())


def test_a_sink_without_content_says_nothing_of_the_text(alerting: Service) -> None:
    alerting.configure(sinks={"log": {"content": "none"}, "jsonl": {"content": "full"}})
    alerting.start()
    alerting.write("app.log", LINES[0])
    until(lambda: alerting.event("alert") and alerting.alerts(), "an alert")
    (said,) = alerting.events("alert")
    assert "worker" not in json.dumps(said)
    assert len(said["hash"]) == 16
    # what is kept is masked, so that full is masked too
    assert alerting.alerts()[0]["log_text"] == LINES[0].replace("geheimnis", "[masked:password]")
    assert alerting.stop() == 0


def test_without_masking_lines_are_kept_as_they_are_and_sinks_mask(alerting: Service) -> None:
    alerting.configure(privacy={"mask": False}, sinks={"jsonl": {"content": "full"}})
    alerting.start()
    alerting.write("app.log", LINES[0])
    until(lambda: alerting.event("alert") and alerting.alerts(), "an alert")
    assert alerting.alerts()[0]["log_text"] == LINES[0]
    said = alerting.events("alert")[0]
    assert said["line"] == LINES[0].replace("geheimnis", "[masked:password]")
    assert "geheimnis" not in json.dumps(said)
    assert alerting.stop() == 0


_FOR_GROUP = (".token", ".sock")


def _modes(folder: Path) -> set[str]:
    # the group may ask the API
    found = [folder, *(path for path in folder.rglob("*") if path.suffix not in _FOR_GROUP)]
    return {f"{path.is_dir():d}{stat.S_IMODE(path.stat().st_mode):04o}" for path in found}


def test_it_is_private_whatever_the_umask_and_loosened_modes_are_closed_once(
    alerting: Service,
) -> None:
    umask = os.umask(0)
    try:
        alerting.start()
    finally:
        os.umask(umask)
    alerting.write("app.log", LINES[0])
    until(alerting.alerts, "an alert")
    assert _modes(alerting.state) == {"10700", "00600"}
    assert not alerting.event("others could get at this; not any more")
    assert alerting.stop() == 0
    alerting.state.chmod(0o755)
    (alerting.state / "alerts.jsonl").chmod(0o644)
    alerting.start()
    (said,) = alerting.events("others could get at this; not any more")
    assert sorted(said["paths"]) == [str(alerting.state), str(alerting.state / "alerts.jsonl")]
    assert _modes(alerting.state) == {"10700", "00600"}
    assert alerting.stop() == 0
    alerting.start()
    assert not alerting.event("others could get at this; not any more")
    assert alerting.stop() == 0


def test_what_is_older_than_retention_days_is_deleted_at_start(alerting: Service) -> None:
    alerting.start()
    alerting.write("app.log", "worker: zebra crossed the road", "worker: another one came")
    until(lambda: len(alerting.alerts()) == 2, "alerts")
    assert alerting.stop() == 0
    database = alerting.state / "state.db"
    with sqlite3.connect(database) as db:
        for statement in (
            "UPDATE incidents SET closed = 1.0, last_seen = 1.0, sum = NULL "
            "WHERE first LIKE '%zebra%'",
            "UPDATE texts SET updated = 1.0, sum = NULL WHERE instr(shape, x'7a65627261')",
        ):
            assert db.execute(statement).rowcount == 1
    db.close()
    (alerting.state / "alerts.jsonl").unlink()  # its reader's to rotate
    alerting.log_file.write_text("")
    alerting.start()
    assert b"zebra" not in _everything(alerting)
    assert b"another one" in _everything(alerting)
    assert alerting.stop() == 0
