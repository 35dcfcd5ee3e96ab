"""The import contracts of setup.cfg hold, and they are about every module."""

from __future__ import annotations

import configparser
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_LINT = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"


def _lint(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _LINT, "--no-cache", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


def test_the_contracts_hold() -> None:
    done = _lint()
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken" in done.stdout


def test_a_contract_that_does_not_hold_is_noticed(tmp_path: Path) -> None:
    # the flow upside down: were the linter to look at nothing, this would pass too
    wrong = tmp_path / "wrong.cfg"
    wrong.write_text(
        "[importlinter]\nroot_package = tinylogbert_daemon\n"
        "[importlinter:contract:1]\nname = wrong\ntype = layers\n"
        "layers =\n  tinylogbert_daemon.model\n  tinylogbert_daemon.pipeline\n"
    )
    done = _lint("--config", str(wrong))
    assert done.returncode == 1
    assert " 1 broken" in done.stdout


@pytest.mark.parametrize("section", ["flow", "training", "training-libraries", "loader", "web"])
def test_what_the_design_asks_for_is_a_contract(section: str) -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert setup[f"importlinter:contract:{section}"]["name"]
