"""The units: systemd has nothing to say against them, our command line takes what they run."""

from __future__ import annotations

import importlib
import re
import shlex
import shutil
import subprocess
from argparse import ArgumentParser
from pathlib import Path

import pytest

from tinylogbert_daemon.config import parse

UNITS = Path(__file__).parent.parent / "systemd"
PROGRAM = "/opt/tinylogbert/bin/tinylogbert"
NAMES = ["tinylogbert.service", "tinylogbert-retrain.service", "tinylogbert-retrain.timer"]

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """Copies of the units that run a program which is there: verify looks for it."""
    for path in UNITS.glob("*.*"):
        if path.is_dir():
            shutil.copytree(path, tmp_path / path.name)
            continue
        (tmp_path / path.name).write_text(path.read_text().replace(PROGRAM, "/bin/true"))
    return tmp_path


def _verify(unit: Path) -> tuple[int, list[str]]:
    """Return the exit status and what is said of our units; the host's own are loaded too."""
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)],
        check=False,
        capture_output=True,
        text=True,
    )
    said = (done.stdout + done.stderr).splitlines()
    return done.returncode, [line for line in said if "tinylogbert" in line]


def test_there_are_tests_for_every_unit() -> None:
    assert sorted(path.name for path in UNITS.iterdir() if path.is_file()) == sorted(NAMES)


@needs_systemd
@pytest.mark.parametrize("name", NAMES)
def test_systemd_has_nothing_to_say(name: str, units: Path) -> None:
    assert _verify(units / name) == (0, [])


@needs_systemd
def test_systemd_would_find_a_mistake(units: Path) -> None:
    unit = units / NAMES[0]
    unit.write_text(unit.read_text().replace("ProtectHome=yes", "ProtectHme=yes"))
    _, said = _verify(unit)
    assert any("ProtectHme" in line for line in said)


@needs_systemd
@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".service")])
def test_the_exposure_is_low(name: str, units: Path) -> None:
    # in tenths: at most 1.5 of 10
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=15", str(units / name)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout.splitlines()[-1]


def _commands(name: str, key: str) -> list[list[str]]:
    content = (UNITS / name).read_text()
    return [shlex.split(found) for found in re.findall(rf"^{key}=(.*)$", content, re.MULTILINE)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("key", ["ExecStartPre", "ExecStart", "ExecReload"])
def test_our_command_line_takes_what_the_units_run(name: str, key: str) -> None:
    for program, *arguments in _commands(name, key):
        if program == PROGRAM:
            parser = ArgumentParser(exit_on_error=False)
            module = importlib.import_module(f"tinylogbert_daemon.cli.{arguments[0]}")
            module.add_arguments(parser)
            parser.parse_args(arguments[1:])


def test_a_reload_checks_the_configuration_before_it_signals() -> None:
    check, signal = _commands("tinylogbert.service", "ExecReload")
    (start,) = _commands("tinylogbert.service", "ExecStart")
    assert check == _commands("tinylogbert.service", "ExecStartPre")[0]
    assert check[:2] == [PROGRAM, "check"]
    assert check[2:] == start[2:]  # the same configuration
    assert signal == ["/bin/kill", "-HUP", "$MAINPID"]


@pytest.mark.parametrize("name", NAMES)
def test_the_environment_of_the_units_sets_no_wrong_key(name: str) -> None:
    environment: dict[str, str] = {}
    for (pair,) in _commands(name, "Environment"):
        variable, _, value = pair.partition("=")
        environment[variable] = value
    parse("", name, environment)
