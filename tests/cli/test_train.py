"""``train``: from a log to an artifact, stopped and taken up again."""

from __future__ import annotations

import io
import os
import re
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RunCommand, log_lines
from tinylogbert_daemon.cli.console import StepProgress
from tinylogbert_daemon.errors import DataError, SourceError, TinyLogBertError
from tinylogbert_daemon.model.artifact import load
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.scorer import text_key
from tinylogbert_daemon.model.shape import shapes
from tinylogbert_daemon.state import Effects, Store
from tinylogbert_daemon.state.models import Models


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "new.log"
    path.write_text("".join(f"{line}\n" for line in log_lines(200, seed=9)))
    return path


def test_training_ends_with_an_artifact_and_a_report(
    log: Path, model_folder: Path, command: RunCommand, capsys: Any, tmp_path: Path
) -> None:
    checkpoints = tmp_path / "made" / "here"
    arguments = [
        "--data-file", log, "--init", model_folder, "--epochs", "1", "--batch-size", "16",
        "--checkpoint-dir", checkpoints, "--anomaly-ratio", "0.2",
    ]  # fmt: skip
    assert command("train", *arguments) == 0

    captured = capsys.readouterr()
    folder = Path(captured.out.strip())
    assert folder.parent == checkpoints
    assert (checkpoints / "tinylogbert").resolve() == folder.resolve()
    assert "180 lines to learn from" in captured.err
    assert re.search(r"step (\d+) of \1, loss \d", captured.err)
    assert "simulated anomalies, 4 in 20 lines kept from learning: ROC-AUC" in captured.err
    training = load(str(folder)).manifest.training
    assert (training["records"], training["epochs"], training["batch_size"]) == (180, 1, 16)
    assert str(tmp_path) not in (folder / "manifest.json").read_text()
    assert {path.name for path in checkpoints.iterdir()} == {"tinylogbert", folder.name}


def test_all_lines_are_learned_from_without_a_report(
    log: Path, model_folder: Path, command: RunCommand, capsys: Any, tmp_path: Path
) -> None:
    arguments = ["--data-file", log, "--init", model_folder, "--epochs", "1", "--sample-limit"]
    command("train", *arguments, "50", "--anomaly-ratio", "0", "--checkpoint-dir", tmp_path / "c")
    captured = capsys.readouterr()
    assert "50 lines to learn from" in captured.err
    assert "simulated" not in captured.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_is_saved_and_the_same_command_goes_on(
    number: signal.Signals,
    log: Path,
    model_folder: Path,
    command: RunCommand,
    capsys: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments = [
        "--data-file", log, "--init", model_folder, "--checkpoint-dir", tmp_path / "c",
        "--batch-size", "32", "--epochs", "3", "--anomaly-ratio", "0",
    ]  # fmt: skip
    steps = []

    def interrupting(progress: StepProgress, step: int, steps_: int, loss: float) -> None:
        progress.step, progress.steps = step, steps_
        steps.append(step)
        if len(steps) in (4, 7):
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    with monkeypatch.context() as patch:
        patch.setattr(StepProgress, "__call__", interrupting)
        for stop in (4, 7):
            with pytest.raises(
                TinyLogBertError,
                match=rf"interrupted after step {stop} of \d+; it is saved, the same",
            ):
                command("train", *arguments)
        assert capsys.readouterr().out == ""
        assert command("train", *arguments) == 0

    assert steps == list(range(1, len(steps) + 1)), "no step was done twice"
    assert Path(capsys.readouterr().out.strip()).is_dir()
    assert signal.getsignal(number) is before


def test_wrong_input_is_one_line(
    log: Path, model_folder: Path, command: RunCommand, tmp_path: Path
) -> None:
    (tmp_path / "empty.log").touch()
    checkpoints = ["--checkpoint-dir", tmp_path / "c"]
    with pytest.raises(SourceError, match="no such file"):
        command("train", "--data-file", tmp_path / "none", *checkpoints)
    with pytest.raises(DataError, match="no line to learn from"):
        command("train", "--data-file", tmp_path / "empty.log", *checkpoints)
    with pytest.raises(DataError, match="cannot load weights"):
        command("train", "--data-file", log, "--init", tmp_path / "none", *checkpoints)
    with pytest.raises(DataError, match="use --init none"):
        command(
            "train", "--data-file", log, "--model-type", "logbert_distil",
            "--init", model_folder, *checkpoints,
        )  # fmt: skip
    with pytest.raises(DataError, match="cannot write into this folder"):
        command("train", "--data-file", log, "--checkpoint-dir", log)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_one_line(
    log: Path, command: RunCommand, tmp_path: Path
) -> None:
    (tmp_path / "c").mkdir(mode=0o500)
    with pytest.raises(TinyLogBertError, match="cannot write into this folder"):
        command("train", "--data-file", log, "--checkpoint-dir", tmp_path / "c")


def test_the_end_of_the_time_leaves_a_model_of_the_steps_until_then(
    log: Path, model_folder: Path, command: RunCommand, capsys: Any, tmp_path: Path
) -> None:
    arguments = [
        "--data-file", log, "--init", model_folder, "--batch-size", "8", "--anomaly-ratio", "0",
        "--checkpoint-dir", tmp_path / "c",
    ]  # fmt: skip
    assert command("train", *arguments, "--max-minutes", "1e-6") == 0
    captured = capsys.readouterr()
    assert re.search(r"the time was over after step 1 of \d+", captured.err)
    assert load(captured.out.strip()).manifest.training["steps"] == 1
    assert not list((tmp_path / "c").glob(".resume*"))


def test_the_end_of_the_time_on_a_state_leaves_a_model_for_the_daemon(
    model_folder: Path, command: RunCommand, capsys: Any, tmp_path: Path
) -> None:
    shapes_ = shapes("".join(f"{line}\n" for line in log_lines(100)).encode())
    counts = {text_key(normalize(shape)): (1.0, 100.0, shape) for shape in shapes_}
    store = Store(tmp_path)
    store.commit(
        Effects(counts=counts, records=Counter({"app": 100}), log_times={"app": 100.0}, blocks=1)
    )
    store.close()
    arguments = ["--state", tmp_path, "--init", model_folder, "--max-minutes", "1e-6"]
    assert command("train", *arguments) == 0
    folder = Path(capsys.readouterr().out.strip())
    assert Models(tmp_path).newest("tinylogbert") == folder.name
    assert Models(tmp_path).load(folder.name).manifest.training["steps"] == 1


def test_a_network_from_nothing_has_the_size_that_was_asked_for(
    log: Path, command: RunCommand, capsys: Any, tmp_path: Path
) -> None:
    arguments = ["--data-file", log, "--checkpoint-dir", tmp_path / "c", "--size", "16,1,2,32"]
    with pytest.raises(DataError, match="--size is for a network from nothing; add --init none"):
        command("train", *arguments)
    for kind in ("tinylogbert", "logbert_distil"):
        command(
            "train", *arguments, "--init", "none", "--model-type", kind, "--epochs", "1",
            "--anomaly-ratio", "0",
        )  # fmt: skip
        found = load(capsys.readouterr().out.strip()).manifest
        assert found.model_type == kind
        assert found.training["size"] == {"width": 16, "layers": 1, "heads": 2, "inner": 32}


def test_a_state_that_is_none_is_one_line_and_nothing_is_made(
    command: RunCommand, tmp_path: Path
) -> None:
    with pytest.raises(TinyLogBertError, match="holds no state of a daemon"):
        command("train", "--state", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--data-file"],
        ["--data-file", "x", "--epochs", "0"],
        ["--data-file", "x", "--batch-size", "-1"],
        ["--data-file", "x", "--learning-rate", "nan"],
        ["--data-file", "x", "--learning-rate", "1"],
        ["--data-file", "x", "--anomaly-ratio", "7"],
        ["--data-file", "x", "--seed", "-1"],
        ["--data-file", "x", "--model-type", "gpt"],
        ["--data-file", "x", "--sample-limit", "half"],
        ["--data-file", "x", "--size", "256"],
        ["--data-file", "x", "--size", "256,4,3,1024"],
        ["--data-file", "x", "--state", "y"],
        ["--state", "x", "--cpu-share", "0"],
        ["--state", "x", "--cpu-share", "1.5"],
        ["--state", "x", "--max-minutes", "inf"],
    ],
)
def test_wrong_usage(arguments: list[str], command: RunCommand) -> None:
    with pytest.raises(SystemExit) as leaving:
        command("train", *arguments)
    assert leaving.value.code == 2


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_off_a_terminal_is_a_line_now_and_then() -> None:
    moments = iter(float(second) for second in range(1000))
    stream = io.StringIO()
    progress = StepProgress(stream, lambda: next(moments))
    for step in range(1, 31):
        progress(step, 100, 2.5)
    progress.close()

    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[0] == "step 10 of 100, loss 2.500, 1.00 steps/s, 90 s left"


def test_progress_on_a_terminal_is_a_bar_with_rate_loss_and_time_left() -> None:
    stream = Terminal()
    progress = StepProgress(stream)
    for step in range(41, 101):
        progress(step, 100, 2.5)
    progress.close()

    assert "100/100" in stream.getvalue()
    assert "loss 2.500" in stream.getvalue()
    assert "40/100" in stream.getvalue(), "a resumed run starts where it was"
