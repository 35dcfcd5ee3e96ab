"""The analysis of a log counts what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import log_lines
from tinylogbert_daemon.errors import DataError
from tinylogbert_daemon.training import analyze as module
from tinylogbert_daemon.training.analyze import analyze, table

NOW = 1.79e9


def test_the_table_tells_what_the_log_holds(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(
        b"2026-06-12T10:00:00Z INFO up\n" * 97
        + "2026-06-13T10:00:00Z WARN naïve\n".encode()
        + b"2026-06-14T10:00:00Z ERROR \xff\xfe\n"
        + b"\n"
    )
    found = "\n".join(table(analyze(str(path), NOW)))

    for part in (
        "lines            100 (1 empty)",
        f"bytes            {path.stat().st_size:,}",
        "distinct shapes  4",
        "distinct texts   4",
        "info 97 (97.0%), warn 1 (1.0%), error 1 (1.0%), none 1 (1.0%)",
        "2026-06-12 10:00:00 to 2026-06-14 10:00:00 UTC (48.0 hours)".replace(
            "48.0 hours", "2.0 days"
        ),
        "min 0, median 28, p99 29, max 32 bytes",
        "ASCII 98 (98.0%), UTF-8 1 (1.0%), other 1 (1.0%)",
        "          97  0000-00-00T00:00:00Z INFO up",
        "           1  0000-00-00T00:00:00Z WARN naïve",
    ):
        assert part in found


def test_memory_for_shapes_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHAPES_LIMIT", 5)
    path = tmp_path / "a.log"
    path.write_text("".join(f"{'x' * length}\n" for length in range(1, 30)) + "x\n")
    found = analyze(str(path), NOW)

    assert len(found.shapes) == 5
    assert found.shapes[b"x"] == 2
    assert "distinct shapes  5 or more" in "\n".join(table(found))
    assert found.lines == 30


def test_a_log_without_dates_or_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("hello\n")
    assert "time span        no dates found" in list(table(analyze(str(path), NOW)))
    path.write_text("")
    with pytest.raises(DataError, match="is empty"):
        analyze(str(path), NOW)


def test_hostile_lines_cannot_act_on_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("\x1b[31mred\x07\n" + "".join(f"{line}\n" for line in log_lines(20)))
    assert not set("\n".join(table(analyze(str(path), NOW)))) & set("\x1b\x07")
