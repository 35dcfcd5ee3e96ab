"""The targets of `scripts/fuzz.py`: what they begin with passes, and atheris can run each."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def targets(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """The module of the targets."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    yield importlib.import_module("fuzz_targets")


@pytest.mark.parametrize(
    "name",
    [
        *(
            "shape",
            "text",
            "level",
            "log-time",
            "header",
            "config",
            "pattern",
            "own-rule",
            "privacy",
        ),
        *("journal", "joining", "cutter", "escape"),
    ],
)
def test_what_the_fuzzer_begins_with_passes(targets: object, name: str) -> None:
    target = vars(targets)["TARGETS"][name]
    for seed in (b"", b"\n", b"\xff\x00\n", *vars(targets)["seeds"]()):
        target(seed)


def test_there_are_no_other_targets(targets: object) -> None:
    assert len(vars(targets)["TARGETS"]) == 13


def test_what_breaks_a_target_is_told_by_it(targets: object) -> None:
    vars(targets)["TARGETS"]["privacy"](b"password=x")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(targets, "_MASKER", _Forgetful())
        with pytest.raises(AssertionError):
            vars(targets)["TARGETS"]["privacy"](b"password=x")


class _Forgetful:
    """Masks something else each time."""

    def line(self, line: str) -> str:
        return f"{line}!"

    def shape(self, shape: bytes) -> bytes:
        return shape


@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris (the extra fuzz) is not installed"
)
def test_atheris_runs_a_target_and_says_how_often(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPTS / "fuzz.py", "joining", "journal", "--runs", "500", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    for found in json.loads(done.stdout).values():
        assert found["executions"] == 500
        assert found["coverage"] > 10
        assert found["findings"] == 0
