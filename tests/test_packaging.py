"""The metadata: what is installed, under which name, on which Python."""

from __future__ import annotations

import configparser
import importlib
import re
import subprocess
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest

import tinylogbert_daemon
from tests.daemon.service import call

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def setup() -> configparser.ConfigParser:
    found = configparser.ConfigParser()
    found.read(ROOT / "setup.cfg")
    return found


def test_the_version_is_said_and_stands_in_one_place(setup: configparser.ConfigParser) -> None:
    done = call("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"tinylogbert {tinylogbert_daemon.__version__}\n"
    assert setup["metadata"]["version"] == "attr: tinylogbert_daemon.__version__"


def test_names_and_bounds(setup: configparser.ConfigParser) -> None:
    assert setup["metadata"]["name"] == "tinylogbert"
    assert setup["options"]["python_requires"] == ">=3.11,<3.14"
    assert "torch>=2.9,<2.14" in setup["options"]["install_requires"]
    commands = setup["options.entry_points"]["console_scripts"].split("\n")
    assert "tinylogbert = tinylogbert_daemon.cli:main" in commands


def test_what_a_running_daemon_imports_is_required_and_no_more(
    setup: configparser.ConfigParser,
) -> None:
    required = _names(setup["options"]["install_requires"])
    extra = _names(setup["options.extras_require"]["train"])
    assert {"torch", "numpy", "tokenizers", "watchdog", "aiofiles", "structlog"} <= required
    assert {"transformers", "scikit-learn"} <= extra
    assert not required & extra


def _names(requirements: str) -> set[str]:
    lines = (line.partition("#")[0].strip() for line in requirements.splitlines())
    return {line.partition(">")[0] for line in lines if line}


def test_typing_information_is_shipped(setup: configparser.ConfigParser) -> None:
    assert "py.typed" in setup["options.package_data"]["tinylogbert_daemon"]
    assert (ROOT / "tinylogbert_daemon" / "py.typed").exists()


def test_the_notice_is_shipped_and_names_all_that_the_base_model_learned_from(
    setup: configparser.ConfigParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert setup["metadata"]["license_files"].split() == ["LICENSE", "NOTICE"]
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    projects = importlib.import_module("corpus.projects")
    notice = " ".join((ROOT / "NOTICE").read_text().split())
    for title in ("CC BY 4.0", "bsd-hardware.info", "Rootly", "lnav", "Timothy Stack"):
        assert title in notice
    for requirement, licence in {**projects.DEBIAN, **projects.PYTHON}.items():
        name = requirement.partition("==")[0]
        assert re.search(rf"[ ,]{re.escape(name)}(?:,| |$)", notice), name
        assert f" {licence}: " in notice, licence


def test_the_default_configuration_is_at_hand() -> None:
    assert (ROOT / "config" / "tinylogbert.yaml").exists()


def test_what_is_installed_is_this() -> None:
    try:
        installed = metadata.distribution("tinylogbert")
    except metadata.PackageNotFoundError:
        pytest.skip("run from a source tree that is not installed")
    assert installed.version == tinylogbert_daemon.__version__
    assert installed.metadata["Requires-Python"] == "<3.14,>=3.11"


def test_the_package_can_be_imported_without_its_heavy_parts() -> None:
    program = "import sys, tinylogbert_daemon; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == "False\n"
    assert find_spec("tinylogbert_daemon.__main__") is not None
