"""The Debian packages under a real systemd without a network: installed, used, removed, purged.

They take minutes to build, so only ``scripts/test_deb`` runs this: it names their folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.systemd.machine import BareMachine, reason_to_skip, until
from tests.systemd.service import CONFIG, STATE
from tinylogbert_daemon import __version__

FOLDER = os.environ.get("TINYLOGBERT_DEB", "")
DPKG = f"DEBIAN_FRONTEND=noninteractive dpkg -i {BareMachine.packages}"
WAIT_SECONDS = 300.0

pytestmark = [
    pytest.mark.skipif(not FOLDER, reason="TINYLOGBERT_DEB names no folder of packages"),
    pytest.mark.timeout(1800),
]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BareMachine]:
    directory = tmp_path_factory.mktemp("bare")
    reason = reason_to_skip(tmp_path_factory.mktemp("probe"))
    if reason:
        pytest.skip(reason)
    with BareMachine(directory, Path(FOLDER).absolute()) as machine:
        machine.boot()
        yield machine


def _left(machine: BareMachine) -> set[str]:
    """Return everything on the system that bears our name."""
    return set(
        machine.run("find /etc /opt /usr /var /run -xdev -iname '*tinylogbert*'").splitlines()
    )


def _until_active(machine: BareMachine, unit: str) -> None:
    until(
        lambda: machine.run(f"systemctl is-active {unit}", check=False) == "active",
        f"{unit} is active: {machine.run(f'journalctl --no-pager -o cat -u {unit}')}",
        WAIT_SECONDS,
    )


def test_the_life_of_the_packages(machine: BareMachine) -> None:
    # images of containers have one that forbids every start
    machine.run("rm -f /usr/sbin/policy-rc.d")
    before = _left(machine)
    machine.run("echo 'Nov 24 10:00:00 db1 app[1]: started' > /var/log/syslog")
    machine.run("chgrp adm /var/log/syslog && chmod 640 /var/log/syslog")

    # installed: there is no network in here
    assert "lo" in machine.run("ls /sys/class/net").split()
    machine.run(f"{DPKG}/tinylogbert_*.deb", timeout=600)
    assert machine.run("tinylogbert --version") == f"tinylogbert {__version__}"
    _until_active(machine, "tinylogbert")
    assert machine.run("systemctl is-enabled tinylogbert") == "enabled"
    assert machine.run(f"stat -c '%a %U' {STATE}") == "710 tinylogbert"
    assert machine.run("man -w tinylogbert") == "/usr/share/man/man1/tinylogbert.1.gz"
    assert machine.run("dpkg --verify tinylogbert") == ""

    # an alert is seen
    line = "Nov 24 10:00:01 db1 cache[7]: CRITICAL out of memory while refreshing, giving up"
    machine.run(f"echo '{line}' >> /var/log/syslog")
    alerts = f"{STATE}/alerts.jsonl"
    until(
        lambda: "giving up" in machine.run(f"cat {alerts}", check=False), "the alert", WAIT_SECONDS
    )
    found = json.loads(machine.run(f"head -1 {alerts}"))
    assert found["log_text"] == line
    # whoever has no rights here can ask as well, and what Python is told elsewhere does not matter
    said = machine.run(
        "cd /tmp && setpriv --reuid=65534 --regid=65534 --clear-groups env PYTHONPATH=/nowhere "
        f"PYTHONHOME=/nowhere tinylogbert detect --json '{line}'",
        timeout=WAIT_SECONDS,
    )
    assert json.loads(said)["anomaly"] is True
    machine.run("logrotate --force /etc/logrotate.d/tinylogbert")
    assert machine.run(f"stat -c '%a %U' {alerts}.1") == "600 tinylogbert"

    # installed once more, as an upgrade: what an administrator has changed stays, all goes on
    machine.run(f"echo '# changed here' >> {CONFIG}")
    machine.run(f"{DPKG}/tinylogbert_*.deb", timeout=600)
    assert machine.run(f"tail -1 {CONFIG}") == "# changed here"
    _until_active(machine, "tinylogbert")
    status = json.loads(machine.run(f"tinylogbert status --json -c {CONFIG}", timeout=WAIT_SECONDS))
    assert status["files"]["/var/log/syslog"] == 1  # the one before was read back for counts

    # what trains
    machine.run(f"{DPKG}/tinylogbert-training_*.deb", timeout=600)
    assert machine.run("systemctl is-enabled tinylogbert-retrain.timer") == "enabled"
    assert machine.run("systemctl is-active tinylogbert-retrain.timer") == "active"
    machine.run('for n in $(seq 300); do echo "app[1]: job $n of alpha done"; done > /tmp/app.log')
    machine.run(
        "cd /tmp && OMP_NUM_THREADS=1 tinylogbert train --data-file app.log --epochs 1 "
        "--init none --size 32,1,2,64 --anomaly-ratio 0",
        timeout=WAIT_SECONDS,
    )
    machine.run("/opt/tinylogbert/bin/python3 -c 'import sklearn, matplotlib, numpy.testing'")

    # removed: what was learned and configured is there still
    machine.run("dpkg -r tinylogbert-training tinylogbert", timeout=600)
    assert machine.run("ls /opt/tinylogbert /usr/bin/tinylogbert", check=False) == ""
    assert machine.run("systemctl is-active tinylogbert", check=False) in ("inactive", "unknown")
    machine.run(f"test -s {STATE}/state.db && test -s {CONFIG}")

    # purged: nothing is
    machine.run("dpkg --purge tinylogbert-training tinylogbert", timeout=600)
    assert _left(machine) - before == set()
    assert machine.run("getent passwd tinylogbert", check=False) == ""
    assert machine.run("systemctl list-unit-files 'tinylogbert*' --no-legend", check=False) == ""
