"""What the service may and may not do under its own unit, as the kernel answers it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.systemd.machine import INSTALLED, ROOT
from tests.systemd.service import STATE, InstalledService
from tinylogbert_daemon.model.artifact import load
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.scorer import Scorer
from tinylogbert_daemon.model.shape import shapes

TEXT = "kernel: EXT4-fs error (device sda1): unable to read inode 131"
PROBE = "/opt/src/tests/systemd/probe.py"


@pytest.fixture
def running(service: InstalledService) -> InstalledService:
    """The service, started after a program of ours has tried all sorts of things in its place."""
    service.write("app.log", "Nov 24 10:00:00 db1 app[1]: started")
    service.write("secret.log", "for root alone", mode=0o600, group="root")
    service.drop_in("probe", f"ExecStartPre={INSTALLED}/bin/python3 {PROBE} {STATE}/probe.json")
    service.start()
    return service


def test_it_is_confined_and_still_reads_logs_and_scores(running: InstalledService) -> None:
    found = json.loads(running.machine.path(f"{STATE}/probe.json").read_text())
    writes = {name: found.pop(name) for name in list(found) if name.startswith("write ")}
    # ProtectSystem=strict: all is read-only, root's or not, but for its state and a /tmp of its own
    assert {name: said for name, said in writes.items() if said == "done"} == {
        f"write {STATE}": "done",
        "write /tmp": "done",
        "write /var/tmp": "done",
    }
    assert writes["write /etc"] == writes["write /usr"] == writes["write /var/log"] == "EROFS"
    assert not running.machine.path("/tmp/probe").exists()
    assert found == {
        "read /var/log/app.log": "done",
        "read /var/log/secret.log": "EACCES",
        "list /home": "EACCES",
        "list /root": "EACCES",
        # SystemCallFilter: without it, both are allowed to everybody
        "chown to itself": "EPERM",
        "lower the priority": "EPERM",
        "a user namespace": "EPERM",
        "a netlink socket": "EAFNOSUPPORT",
        "a real-time priority": "EPERM",
        "processes of others": False,
    }

    status = running.machine.run(f"cat /proc/{running.show('MainPID')}/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines())
    user = running.machine.run("id -u tinylogbert")
    assert fields["Uid"].split() == [user] * 4
    assert user != "0"
    assert fields["CapEff"] == fields["CapPrm"] == fields["CapBnd"] == "0" * 16
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")

    assert "tinylogbert_files_unreadable 1.0" in running.get("/metrics")
    result = running.detect(TEXT)
    (verdict,) = Scorer(load()).score([normalize(shapes(TEXT.encode() + b"\n")[0])])
    assert result["raw"] == pytest.approx(verdict.raw, abs=1e-4)
    assert result["severity"] == pytest.approx(verdict.severity, abs=1e-4)


def test_logs_that_only_root_may_read_take_a_drop_in(service: InstalledService) -> None:
    path = service.write("secret.log", "one", "two", mode=0o600, group="root")
    name = "read-all-logs"
    shipped = Path(ROOT) / "systemd" / "tinylogbert.service.d" / f"{name}.conf"
    service.drop_in(name, *shipped.read_text().splitlines())
    service.start()
    assert "tinylogbert_files_unreadable 0.0" in service.get("/metrics")
    service.write("secret.log", "three", mode=0o600, group="root")
    service.until_committed(path, 1)
    # to read is all that this gives
    status = service.machine.run(f"cat /proc/{service.show('MainPID')}/status")
    assert f"CapEff:\t{1 << 2:016x}" in status


def test_a_model_that_may_not_run_fails_the_start_in_one_line(service: InstalledService) -> None:
    service.write("app.log", "a line")
    service.drop_in("strict", "MemoryDenyWriteExecute=yes", "Restart=no")
    assert service.machine.call("systemctl start tinylogbert").returncode != 0
    journal = service.journal()
    assert "the model does not run on this host: " in journal
    assert "could not create a primitive; is MemoryDenyWriteExecute set" in journal
    assert "Traceback" not in journal
