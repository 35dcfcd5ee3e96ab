"""``convert``: where its output goes, what it says, what it leaves alone."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RunCommand, log_lines
from tinylogbert_daemon.errors import DataError, SourceError


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    path.write_text("".join(f"{line}\n" for line in log_lines(100)))
    return path


def test_the_output_stands_beside_the_input_and_is_told(
    log: Path, command: RunCommand, capsys: Any
) -> None:
    assert command("convert", "-i", log, "-r", "0.1") == 0

    output = log.with_name("app_jsonl.json")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"{output}: 100 lines, 10 of them simulated anomalies (")
    objects = [json.loads(line) for line in output.read_text().splitlines()]
    assert sum(entry["label"] for entry in objects) == 10


def test_the_options_may_be_left_out(log: Path, command: RunCommand, tmp_path: Path) -> None:
    assert command("convert", log, "-o", tmp_path / "a.json", "-s", "3") == 0
    assert command("convert", "-i", log, "-o", tmp_path / "b.json", "-s", "3") == 0
    assert (tmp_path / "a.json").read_text() == (tmp_path / "b.json").read_text()


def test_an_output_that_is_newer_is_left_alone_and_an_older_one_needs_force(
    log: Path, command: RunCommand, capsys: Any
) -> None:
    output = log.with_name("app_jsonl.json")
    output.write_text("mine")
    newer = log.stat().st_mtime + 10
    os.utime(output, (newer, newer))
    assert command("convert", log) == 0
    assert f"{output}: is there and newer than {log}; left alone" in capsys.readouterr().err
    assert output.read_text() == "mine"

    os.utime(output, (1, 1))
    with pytest.raises(DataError, match="-f writes it anew"):
        command("convert", log)
    assert output.read_text() == "mine"
    assert command("convert", log, "-f") == 0
    assert output.read_text() != "mine"


def test_the_input_is_never_overwritten(log: Path, command: RunCommand) -> None:
    before = log.read_text()
    for options in ([], ["-f"]):
        with pytest.raises(DataError, match="is the input itself"):
            command("convert", log, "-o", log, *options)
    assert log.read_text() == before


def test_a_pipe_is_converted_to_standard_output(
    log: Path, command: RunCommand, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("convert", log, "-o", "-")
    expected = capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(log.read_bytes())))
    assert command("convert", "-") == 0
    assert capsys.readouterr().out == expected
    assert len(expected.splitlines()) == 100


def test_analyze_alone_writes_nothing(log: Path, command: RunCommand, capsys: Any) -> None:
    assert command("convert", "-a", log) == 0
    assert "lines            100 (0 empty)" in capsys.readouterr().out
    assert [path.name for path in log.parent.iterdir()] == ["app.log"]


def test_analyze_with_an_output_does_both(log: Path, command: RunCommand, capsys: Any) -> None:
    output = log.with_name("out.json")
    assert command("convert", "-a", log, "-o", output) == 0
    assert "lines            100" in capsys.readouterr().out
    assert len(output.read_text().splitlines()) == 100
    assert command("convert", "-a", log, "-o", "-") == 0
    captured = capsys.readouterr()
    assert "lines            100" in captured.err
    assert all(json.loads(line) for line in captured.out.splitlines())


def test_a_failure_leaves_no_output(command: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "empty.log").touch()
    (tmp_path / "folder").mkdir()
    for name, error in (
        ("none.log", SourceError),
        ("folder", SourceError),
        ("empty.log", DataError),
    ):
        for options in ([], ["-a"]):
            with pytest.raises(error):
                command("convert", tmp_path / name, *options)
    assert {path.name for path in tmp_path.iterdir()} == {"empty.log", "folder"}


def test_other_bytes_than_utf8_are_told(command: RunCommand, capsys: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"fine\ncaf\xe9\n")
    assert command("convert", path, "-r", "0") == 0
    assert "1 lines are not UTF-8" in capsys.readouterr().err


def test_wrong_usage(command: RunCommand, capsys: Any) -> None:
    for arguments in (["-r", "7", "x"], [], ["x", "-i", "y"], ["-s", "few", "x"]):
        with pytest.raises(SystemExit) as leaving:
            command("convert", *arguments)
        assert leaving.value.code == 2
    assert "7" in capsys.readouterr().err
