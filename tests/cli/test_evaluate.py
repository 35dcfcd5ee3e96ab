"""``evaluate``: the table, the files, and data that cannot be measured on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RunCommand, log_lines
from tinylogbert_daemon.errors import DataError, SourceError


@pytest.fixture
def data(tmp_path: Path, command: RunCommand, capsys: Any) -> Path:
    log = tmp_path / "app.log"
    log.write_text("".join(f"{line}\n" for line in log_lines(150, seed=3)))
    command("convert", log, "-r", "0.2")
    capsys.readouterr()
    return log.with_name("app_jsonl.json")


def test_the_model_stands_beside_simple_detectors(
    data: Path, model_folder: Path, command: RunCommand, capsys: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "report"
    arguments = ["--data-file", data, "--model", model_folder, "--output-dir", folder]
    assert command("evaluate", *arguments) == 0

    captured = capsys.readouterr()
    assert captured.out.startswith("150 lines, 30 of them anomalies\n")
    for name in ("model", "new pattern", "rare pattern", "line length"):
        assert f"\n{name} " in captured.out
    metrics = json.loads((folder / "results.json").read_text())
    assert metrics["artifact"] == model_folder.name
    found = metrics["detectors"]["model"]
    assert found["auc"] > 0.5
    assert f"{found['auc']:.4f}" in captured.out
    assert {path.name for path in folder.iterdir()} == {
        "report.html", "results.json", "roc.png", "precision_recall.png", "scores.png",
        "thresholds.png",
    }  # fmt: skip
    assert f"{found['auc']:.3f}" in (folder / "report.html").read_text()
    assert all(f"wrote {path}" in captured.err for path in folder.iterdir())


def test_thresholds_are_looked_for_as_asked(
    data: Path, model_folder: Path, command: RunCommand, capsys: Any, tmp_path: Path
) -> None:
    arguments = [
        "--data-file", data, "--model", model_folder, "--output-dir", tmp_path / "report",
        "--budget", "3", "--precision", "0.4", "-t", "0.7",
    ]  # fmt: skip
    assert command("evaluate", *arguments) == 0

    printed = capsys.readouterr().out
    operating = json.loads((tmp_path / "report" / "results.json").read_text())["operating"]
    assert operating["wish"] == {
        "threshold": 0.7, "budget": 3, "precision": 0.4, "quiet_seconds": 3600.0,
    }  # fmt: skip
    assert operating["allowed"] == pytest.approx(max(1, 3 * operating["days"]))
    points = operating["points"]
    assert points["lines"]["flagged"] <= operating["allowed"]
    assert points["incidents"]["incidents"] <= operating["allowed"]
    assert points["precision"]["precision"] >= 0.4
    assert points["in_use"]["threshold"] == 0.7
    for words in ("in use (0.7)", "best F1", "3 incidents a day", "3 flagged lines a day"):
        assert f"\n{words} " in printed


def test_nothing_is_written_unless_asked_for(
    data: Path, model_folder: Path, command: RunCommand
) -> None:
    before = sorted(data.parent.iterdir())
    assert command("evaluate", "--data-file", data, "--model", model_folder) == 0
    assert sorted(data.parent.iterdir()) == before


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"log_text": "x", "label": 0}\n', "only label 0"),
        ('{"log_text": "x"}\n', "no labelled line"),
        ("", "no labelled line"),
        ("plain log line\n", ":1: not JSON"),
    ],
)
def test_data_that_cannot_be_measured_on_is_one_line(
    content: str, reason: str, model_folder: Path, command: RunCommand, tmp_path: Path
) -> None:
    path = tmp_path / "data.json"
    path.write_text(content)
    with pytest.raises(DataError, match=reason) as refusal:
        command("evaluate", "--data-file", path, "--model", model_folder)
    assert str(refusal.value).startswith(str(path))
    assert "\n" not in str(refusal.value)


def test_wrong_files(data: Path, model_folder: Path, command: RunCommand, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        command("evaluate", "--data-file", tmp_path / "none", "--model", model_folder)
    with pytest.raises(DataError, match="cannot write into this folder"):
        command("evaluate", "--data-file", data, "--model", model_folder, "--output-dir", data)


@pytest.mark.parametrize("wrong", [["--budget", "0"], ["--budget", "x"], ["--precision", "2"]])
def test_wrong_usage(wrong: list[str], command: RunCommand) -> None:
    with pytest.raises(SystemExit) as leaving:
        command("evaluate", "--data-file", "x", *wrong)
    assert leaving.value.code == 2
