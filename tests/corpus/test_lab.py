"""What a service logs is of the phase that the lab says, unless the service gave up meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def lab(
    corpus_module: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    module = corpus_module("lab")
    monkeypatch.setattr(module, "HOME", tmp_path)
    made = module.Lab("app", seed=0)
    yield made
    made.stop_all()


def phase_of(lab: Any, line: bytes) -> str:
    found: list[str] = [phase for row, phase in lab.lines() if row == line]
    assert len(found) == 1
    return found[0]


def sh(script: str) -> tuple[str, str, str]:
    return "sh", "-c", script


def test_what_a_running_service_logs_is_healthy(lab: Any) -> None:
    with lab.healthy():
        lab.start(*sh("echo serving; exec sleep 60"))
        lab.run(*sh("echo asked in vain; exit 3"))
    assert phase_of(lab, b"serving") == "healthy"
    assert phase_of(lab, b"asked in vain") == "healthy"


def test_what_a_service_logs_that_gives_up_is_of_no_phase(lab: Any) -> None:
    with lab.healthy():
        lab.start(*sh("echo something is broken; exit 1"))
    assert phase_of(lab, b"something is broken") == "-"


def test_one_that_was_told_to_end_did_not_give_up(lab: Any) -> None:
    server = lab.start(*sh("echo serving; exec sleep 60"))
    with lab.healthy():
        lab.run(*sh("echo still well"))
        server.terminate()
        assert lab.gone(server)
    assert phase_of(lab, b"still well") == "healthy"


def test_one_that_gave_up_before_spoils_nothing_after(lab: Any) -> None:
    with lab.fault("bad-config"):
        lab.start(*sh("echo bad setting; exit 1"))
    with lab.healthy():
        lab.start(*sh("echo serving; exec sleep 60"))
    assert phase_of(lab, b"bad setting") == "fault:bad-config"
    assert phase_of(lab, b"serving") == "healthy"
