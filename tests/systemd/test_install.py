"""``install-service`` on a whole system: again, after changes, taken away, put back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.systemd.conftest import install_lines
from tests.systemd.machine import INSTALLED, SOURCE, Machine
from tests.systemd.service import CONFIG, STATE, InstalledService

COMMAND = f"{INSTALLED}/bin/tinylogbert install-service"
UNITS = "/etc/systemd/system"


@pytest.fixture
def installed(service: InstalledService) -> Iterator[Machine]:
    """The system with the service; it is so again for the next test."""
    _install(service.machine)  # other tests take the state's folder away
    yield service.machine
    service.machine.run(f"rm -f {CONFIG} {CONFIG}.new; {install_lines()[0]}")


def _install(machine: Machine, options: str = "--no-start") -> list[str]:
    return machine.run(f"{COMMAND} {options}").splitlines()


def _forget(machine: Machine, path: str, digest: str) -> None:
    """Make the record say that another content was installed at ``path``."""
    record = machine.path("/etc/tinylogbert/.installed")
    lines = [line for line in record.read_text().splitlines() if not line.endswith(f"  {path}")]
    record.write_text("\n".join([*lines, f"{digest}  {path}", ""]))


def _ours(machine: Machine) -> list[str]:
    return machine.run(
        "find /etc /usr/local /var/lib -xdev -name '*tinylogbert*' -not -path '*/ld.so.conf.d/*'"
    ).splitlines()


def test_the_second_time_there_is_nothing_to_do(installed: Machine) -> None:
    assert _install(installed) == ["nothing to do"]


def test_a_changed_configuration_is_kept(installed: Machine) -> None:
    installed.run(f"echo '# changed here' >> {CONFIG}")
    assert _install(installed) == ["nothing to do"]  # it is what is new already
    # as an older version has left it: what it installed was another one
    _forget(installed, CONFIG, "0" * 64)
    said = _install(installed)
    assert said[0] == f"write {CONFIG}.new (tinylogbert.yaml was changed, and is kept)"
    assert installed.run(f"tail -1 {CONFIG}") == "# changed here"
    assert installed.run(f"cmp {CONFIG}.new {SOURCE}/config/tinylogbert.yaml") == ""
    assert _install(installed) == ["nothing to do"]
    installed.run(f"mv {CONFIG}.new {CONFIG}")
    assert _install(installed) == ["nothing to do"]


def test_an_unchanged_file_of_another_version_is_replaced(installed: Machine) -> None:
    unit = f"{UNITS}/tinylogbert.service"
    installed.run(f"echo '# as it was' > {unit}")
    _forget(installed, unit, installed.run(f"sha256sum {unit}").split()[0])
    said = _install(installed)
    assert said[0] == f"write {unit}"
    assert said[-1] == "run systemctl daemon-reload"
    assert installed.run(f"cmp {unit} {SOURCE}/systemd/tinylogbert.service") == ""


def test_a_dry_run_says_what_is_then_done(installed: Machine) -> None:
    installed.run(f"{COMMAND} --uninstall --purge")
    assert _ours(installed) == []
    assert installed.run("getent passwd tinylogbert", check=False) == ""
    would = _install(installed, "--dry-run --read-all-logs")
    assert _ours(installed) == []
    assert _install(installed, "--read-all-logs") == would
    assert f"write {UNITS}/tinylogbert.service.d/read-all-logs.conf" in would
    # the environment of the tests can train
    assert would[-3:] == [
        "run systemctl enable tinylogbert.service",
        "run systemctl start tinylogbert.service",
        "run systemctl enable --now tinylogbert-retrain.timer",
    ]
    assert installed.run("systemctl is-active tinylogbert") == "active"
    assert installed.run("systemctl is-enabled tinylogbert") == "enabled"
    assert "cap_dac_read_search" in installed.show("tinylogbert", "AmbientCapabilities")
    assert installed.run(f"stat -c '%a %U' {STATE}") == "710 tinylogbert"
    assert _install(installed, "") == ["nothing to do"]


def test_uninstalled_it_leaves_state_and_configuration(installed: Machine) -> None:
    _install(installed, "")
    would = installed.run(f"{COMMAND} --uninstall --dry-run")
    assert installed.run("systemctl is-active tinylogbert") == "active"
    assert installed.run(f"{COMMAND} --uninstall") == would
    assert installed.run("systemctl is-active tinylogbert", check=False) == "inactive"
    assert installed.run("systemctl is-enabled tinylogbert", check=False) == ""
    assert sorted(_ours(installed)) == [
        "/etc/logrotate.d/tinylogbert",
        "/etc/tinylogbert",
        CONFIG,
        "/var/lib/systemd/timers/stamp-tinylogbert-retrain.timer",
        STATE,
    ]
    assert installed.run(f"{COMMAND} --uninstall") == "nothing to do"


def test_who_is_not_root_is_told_so(installed: Machine) -> None:
    as_nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups"
    installed.run(f"rm {UNITS}/tinylogbert.service")
    done = installed.call(f"cd /tmp && {as_nobody} {COMMAND}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "tinylogbert: needs root: run it with sudo, or see what it would do with --dry-run\n"
    )
    done = installed.call(f"cd /tmp && {as_nobody} {COMMAND} --no-start --dry-run")
    assert done.stdout.splitlines()[0] == f"write {UNITS}/tinylogbert.service"
    assert (done.returncode, done.stderr) == (0, "")
