"""One booted system for all tests here, and the service in it as the README installs it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.systemd.machine import ROOT, SOURCE, Machine, reason_to_skip
from tests.systemd.service import DROP_INS, InstalledService


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    directory = tmp_path_factory.mktemp("machine")
    reason = reason_to_skip(directory)
    if reason:
        pytest.skip(reason)
    with Machine(directory) as machine:
        machine.boot()
        for line in install_lines():
            machine.run(f"cd {SOURCE} && {line}")
        yield machine


def install_lines() -> list[str]:
    """Return what the README has root type; pip has done its part here, and nothing is started."""
    readme = (ROOT / "README.md").read_text()
    block = re.search(r"\*\*As a service\*\*.*?```console\n(.*?)```", readme, re.DOTALL)
    assert block is not None
    lines = [line.removeprefix("# ") for line in block[1].splitlines()]
    (kept,) = [line for line in lines if "pip install" not in line]
    return [f"{kept} --no-start"]


@pytest.fixture
def service(machine: Machine) -> Iterator[InstalledService]:
    """The service, not started, without state, logs or drop-ins of another test."""
    yield InstalledService(machine)
    # at once: a busy one would take its time to end in order
    machine.call("systemctl kill --signal=KILL tinylogbert; systemctl stop tinylogbert")
    machine.call(f"systemctl reset-failed; rm -rf {DROP_INS}")
    machine.run("systemctl daemon-reload")
    machine.run(
        "rm -rf /var/lib/tinylogbert /var/log/* && "
        f"install -m 644 {SOURCE}/config/tinylogbert.yaml /etc/tinylogbert/tinylogbert.yaml"
    )
