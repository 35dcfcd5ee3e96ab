"""``workflow``: from a log to the report, taken up again, on raw and on labelled lines."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RunCommand, log_lines
from tinylogbert_daemon import cli
from tinylogbert_daemon.cli.console import StepProgress
from tinylogbert_daemon.errors import DataError, TinyLogBertError
from tinylogbert_daemon.model.artifact import load

SMALL = [
    "--tiny-size", "16,1,2,32", "--distil-size", "24,1,2,48", "--batch-size", "8",
    "--distil-steps", "12",
]  # fmt: skip
STEPS = [
    "analyse", "convert", "split", "train TinyLogBERT", "train LogBERT-Distil", "compare", "detect",
]  # fmt: skip


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("workflow") / "app.log"
    path.write_text("".join(f"{line}\n" for line in log_lines(300, seed=5)))
    return path


def test_seven_steps_from_a_raw_log_to_the_report_and_none_twice(
    log: Path, command: RunCommand, capsys: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    arguments = ["--raw-logs", log, "--output-dir", folder, "--epochs", "1", *SMALL]
    assert command("workflow", *arguments) == 0

    captured = capsys.readouterr()
    for number, name in enumerate(STEPS, start=1):
        assert f"step {number}, {name} ...\n" in captured.err
        assert f"\nstep {number}, {name}: " in captured.err
    results = json.loads((folder / "results.json").read_text())
    workflow = results["workflow"]
    assert [step["name"] for step in workflow["steps"]] == STEPS
    assert all(step["seconds"] > 0 and not step["reused"] for step in workflow["steps"][3:])
    assert workflow["split"]["shared_texts"] == 0
    trained = [model["training"] for model in results["models"].values()]
    assert trained[1]["steps"] <= 12
    assert all(training["seconds"] > 0 for training in trained)
    assert all(sentence in captured.out for sentence in results["summary"])
    page = (folder / "report.html").read_text()
    assert all(f"<td>{name}</td>" in page for name in STEPS)
    assert "keeps within 12 steps (--distil-steps)" in page
    assert all(f"<td>{training['seconds']:.1f} s</td>" in page for training in trained)
    assert "No text of the test part was learned from" in page

    detections = [json.loads(row) for row in (folder / "detections.jsonl").read_text().splitlines()]
    assert [row["log_text"] for row in detections] == log.read_text().splitlines()
    assert sum(row["anomaly"] for row in detections) == workflow["detected"]["anomalies"]
    tiny, distil = ((folder / "models" / name).resolve() for name in results["models"])
    assert {row["model"] for row in detections} == {tiny.name}
    assert load(str(distil)).manifest.training["size"]["width"] == 24
    tested = [json.loads(row) for row in (folder / "test.json").read_text().splitlines()]
    assert results["lines"] == len(tested)

    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.p*")}
    assert command("workflow", *arguments) == 0
    again = capsys.readouterr()
    assert again.err.count(": skipped, its outputs are there") == len(STEPS)
    assert again.out == captured.out
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.p*")} == before
    steps = json.loads((folder / "results.json").read_text())["workflow"]["steps"]
    assert [step["seconds"] for step in steps] == [step["seconds"] for step in workflow["steps"]]


def test_labels_that_are_there_are_used(
    command: RunCommand, capsys: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lines = log_lines(250, seed=6)
    rows: list[dict[str, Any]] = [
        {"log_text": line, "label": int("WARN" in line), "rack": 7} for line in lines
    ]
    content = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    folder = tmp_path / "out"
    arguments = ["--raw-logs", "-", "--output-dir", folder, "--epochs", "1", "--shared-texts"]
    assert command("workflow", *arguments, "--sample-limit", "200", *SMALL) == 0

    assert "its own labels are used" in capsys.readouterr().err
    results = json.loads((folder / "results.json").read_text())
    tested = rows[160:200]
    assert (results["lines"], results["anomalies"]) == (40, sum(row["label"] for row in tested))
    assert results["workflow"]["split"]["shared_texts"] > 0
    learned = [json.loads(row) for row in (folder / "train.json").read_text().splitlines()]
    assert learned == [{"log_text": row["log_text"]} for row in rows[:160]]
    detections = [json.loads(row) for row in (folder / "detections.jsonl").read_text().splitlines()]
    assert [row["rack"] for row in detections] == [7] * 200
    assert not (folder / "labelled.json").exists()


def test_an_interrupted_training_goes_on_where_it_was(
    log: Path, command: RunCommand, capsys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []

    def interrupting(progress: StepProgress, step: int, of: int, _: float) -> None:
        progress.step, progress.steps = step, of
        steps.append(step)
        if len(steps) == 5:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(StepProgress, "__call__", interrupting)
    arguments = ["--raw-logs", log, "--output-dir", tmp_path / "out", "--epochs", "1", *SMALL]
    with pytest.raises(TinyLogBertError, match="interrupted after step 5 of"):
        command("workflow", *arguments)
    told = capsys.readouterr().err
    assert "step 3, split: skipped" not in told
    assert command("workflow", *arguments) == 0
    told = capsys.readouterr().err
    assert "step 3, split: skipped" in told
    assert "step 4, train TinyLogBERT: skipped" not in told
    first_of_distil = steps.index(1, 1)
    assert steps[:first_of_distil] == list(range(1, first_of_distil + 1)), "no step was done twice"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is empty"),
        ('{"log_text": "x", "label": 0}\n', "found only label 0"),
        ('{"log_text": "x"}\n', "found no labelled line"),
        ('{"log_text": "x", "label": 0}\nplain\n', ":2: not JSON"),
        ("one line\n" * 3, "too few distinct texts to split|found only label 0"),
    ],
)
def test_a_log_that_is_no_use_is_one_line(
    content: str, reason: str, command: RunCommand, tmp_path: Path
) -> None:
    path = tmp_path / "app.log"
    path.write_text(content)
    with pytest.raises(DataError, match=reason) as refusal:
        command("workflow", "--raw-logs", path, "--output-dir", tmp_path / "out", *SMALL)
    assert "\n" not in str(refusal.value)


def test_wrong_files_end_with_one_line_and_status_1(log: Path, tmp_path: Path, capsys: Any) -> None:
    for given, reason in (
        (["--raw-logs", tmp_path / "none"], "none: no such file"),
        (["--raw-logs", tmp_path], "is a directory"),
        (["--raw-logs", log, "--output-dir", log], "cannot write into this folder"),
    ):
        assert cli.main(["workflow", *map(str, given)]) == 1
        told = capsys.readouterr().err
        assert reason in told
        assert told.count("\n") == 1


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        ["--raw-logs"],
        ["--raw-logs", "x", "--epochs", "0"],
        ["--raw-logs", "x", "--distil-steps", "-1"],
        ["--raw-logs", "x", "--tiny-size", "256"],
        ["--raw-logs", "x", "--tiny-size", "256,4,3,1024"],
        ["--raw-logs", "x", "--distil-size", "a,b,c,d"],
        ["--raw-logs", "x", "--anomaly-ratio", "2"],
        ["--raw-logs", "x", "--seed", "-1"],
    ],
)
def test_wrong_usage(wrong: list[str], command: RunCommand) -> None:
    with pytest.raises(SystemExit) as leaving:
        command("workflow", *wrong)
    assert leaving.value.code == 2
