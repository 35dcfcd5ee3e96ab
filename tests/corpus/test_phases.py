"""The self-made corpus knows which of its lines were logged while the software was at fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def phases(corpus_module: Callable[[str], Any]) -> Any:
    """A fresh `Phases` of scripts/corpus."""
    return corpus_module("phases").Phases()


def add(path: Path, *lines: bytes) -> None:
    """Append lines, as a logging process does."""
    with path.open("ab") as out:
        out.writelines(lines)


def test_lines_belong_to_the_phase_they_were_written_in(phases: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    for phase, line in (("-", b"a\n"), ("healthy", b"b\n"), ("fault:crash", b"c\n"), ("-", b"d\n")):
        add(log, line)
        phases.mark([log], phase)
    add(log, b"e\n")
    rows = [(b"a", "-"), (b"b", "healthy"), (b"c", "fault:crash"), (b"d", "-"), (b"e", "-")]
    assert [row for row in phases.rows(log) if row[0]] == rows


def test_a_line_cut_by_a_boundary_has_no_phase(phases: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    add(log, b"one\ntw")
    phases.mark([log], "healthy")
    add(log, b"o\nthree\n")
    phases.mark([log], "fault:crash")
    rows = [(b"one", "healthy"), (b"two", "-"), (b"three", "fault:crash")]
    assert [row for row in phases.rows(log) if row[0]] == rows


def test_a_rotated_file_keeps_its_phases_and_the_new_one_has_its_own(
    phases: Any, tmp_path: Path
) -> None:
    log, old = tmp_path / "log", tmp_path / "log.1"
    add(log, b"first\n", b"second\n")
    phases.mark([log], "healthy")
    log.rename(old)
    add(log, b"third\n")
    phases.mark([log, old], "fault:disk-full")
    assert next(phases.rows(old)) == (b"first", "healthy")
    assert next(phases.rows(log)) == (b"third", "fault:disk-full")


def test_of_a_truncated_file_nothing_is_known(phases: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    add(log, b"first\n", b"second\n")
    phases.mark([log], "healthy")
    log.write_bytes(b"new\n")
    phases.mark([log], "fault:crash")
    assert next(phases.rows(log)) == (b"new", "-")


def test_a_file_that_no_mark_saw_is_of_no_phase(phases: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    add(log, b"a\n")
    assert next(phases.rows(log)) == (b"a", "-")
