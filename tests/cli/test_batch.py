"""``batch``: one result a record, whatever the file holds, and the same as everywhere else."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import RunCommand, log_lines
from tinylogbert_daemon.cli.batch import Learner, Renderer
from tinylogbert_daemon.cli.setup import load_setup
from tinylogbert_daemon.clock import ManualClock
from tinylogbert_daemon.errors import ArtifactError, DataError, SourceError, StateError

KEYS = ["line", "log_text", "score", "anomaly", "raw", "severity", "novelty", "model"]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "some.log"
    path.write_text("".join(f"{line}\n" for line in [*log_lines(40, seed=5), "", "odd one"]))
    return path


def results(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_one_result_a_line_in_order(
    log: Path, model_folder: Path, command: RunCommand, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("batch", log, "--model", model_folder) == 0

    captured = capsys.readouterr()
    found = results(captured.out)
    lines = log.read_text().split("\n")[:-1]
    assert [entry["log_text"] for entry in found] == lines
    assert [entry["line"] for entry in found] == list(range(1, len(lines) + 1))
    assert captured.err == ""
    for entry in found:
        assert list(entry) == KEYS
        assert entry["model"] == model_folder.name
        assert entry["anomaly"] == (entry["score"] >= 0.5)
        assert 0 <= entry["score"] <= 1
    assert found[-2]["score"] == 0.0, "an empty line is no anomaly"


def test_a_result_is_the_same_as_that_of_detect(
    log: Path, model_folder: Path, command: RunCommand, capsys: pytest.CaptureFixture[str]
) -> None:
    command("batch", log, "--model", model_folder)
    for entry in results(capsys.readouterr().out)[::7]:
        command("detect", entry["log_text"], "--model", model_folder, "--json")
        (alone,) = results(capsys.readouterr().out)
        assert list(alone) == KEYS
        for key in ("raw", "severity", "score"):
            assert alone.pop(key) == pytest.approx(entry.pop(key), abs=1e-4)
        assert alone | {"line": 0} == entry | {"line": 0}


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_compressed_files_give_the_same(
    pack: Any, log: Path, model_folder: Path, command: RunCommand, capsys: Any
) -> None:
    packed = log.with_name("packed.log.z")
    packed.write_bytes(pack(log.read_bytes()))
    command("batch", log, "--model", model_folder)
    plain = capsys.readouterr().out
    assert command("batch", packed, "--model", model_folder) == 0
    assert capsys.readouterr().out == plain


def test_an_output_file_appears_whole_and_is_told(
    log: Path, model_folder: Path, command: RunCommand, capsys: Any, tmp_path: Path
) -> None:
    output = tmp_path / "out.jsonl"
    assert command("batch", log, "-o", output, "--model", model_folder) == 0

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"{output}: results of 42 lines\n"
    assert len(results(output.read_text())) == 42
    assert {path.name for path in tmp_path.iterdir()} == {"some.log", "out.jsonl"}


def test_the_threshold_moves_what_is_an_anomaly(
    log: Path, model_folder: Path, command: RunCommand, capsys: Any
) -> None:
    for threshold, expected in (("0", {True}), ("1", {False})):
        command("batch", log, "-t", threshold, "--model", model_folder)
        found = results(capsys.readouterr().out)
        assert {entry["anomaly"] for entry in found if entry["log_text"]} == expected


def test_json_keeps_the_keys_of_its_input(
    model_folder: Path, command: RunCommand, capsys: Any, tmp_path: Path
) -> None:
    path = tmp_path / "in.json"
    objects: list[dict[str, Any]] = [
        {"log_text": "first\nof two lines", "label": 1, "host": {"name": "ü", "ids": [1, 2.5]}},
        {"log_text": "second", "score": "not ours", "line": 77, "model": None},
        {"log_text": "half \ud800 a pair and \udcff a byte"},
    ]
    path.write_text("\n\n".join(json.dumps(entry) for entry in objects))
    assert command("batch", path, "--json-format", "--model", model_folder) == 0

    found = results(capsys.readouterr().out)
    assert [entry["log_text"] for entry in found] == [entry["log_text"] for entry in objects]
    assert [entry["line"] for entry in found] == [1, 3, 5]
    assert (found[0]["label"], found[0]["host"]) == (1, {"name": "ü", "ids": [1, 2.5]})
    assert list(found[1]) == KEYS, "a result's own keys are a result's"
    assert all(entry["model"] == model_folder.name for entry in found)


def test_text_and_json_give_equal_results(
    log: Path, model_folder: Path, command: RunCommand, capsys: Any, tmp_path: Path
) -> None:
    path = tmp_path / "in.json"
    lines = log.read_text().splitlines()
    path.write_text("".join(json.dumps({"log_text": line}) + "\n" for line in lines))
    command("batch", log, "--model", model_folder)
    plain = capsys.readouterr().out
    command("batch", path, "--json-format", "--model", model_folder)
    assert capsys.readouterr().out == plain


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("not json", "in.json:2: not JSON"),
        ("[1]", 'in.json:2: needs an object with a string "log_text"'),
        ('{"text": "x"}', 'in.json:2: needs an object with a string "log_text"'),
        ("[" * 100_000, "in.json:2: not JSON"),
    ],
)
def test_a_wrong_object_is_named_and_leaves_no_output(
    content: str, reason: str, model_folder: Path, command: RunCommand, tmp_path: Path
) -> None:
    path = tmp_path / "in.json"
    path.write_text(f'{{"log_text": "x"}}\n{content}\n')
    output = tmp_path / "out.jsonl"
    with pytest.raises(DataError, match=reason):
        command("batch", path, "--json-format", "-o", output, "--model", model_folder)
    assert [entry.name for entry in tmp_path.iterdir()] == ["in.json"]


def test_windows_line_ends_are_no_part_of_the_text(
    model_folder: Path, command: RunCommand, capsys: Any, tmp_path: Path
) -> None:
    path = tmp_path / "dos.log"
    path.write_bytes(b"one line\r\ntwo\r\n")
    command("batch", path, "--model", model_folder)
    found = results(capsys.readouterr().out)
    assert [entry["log_text"] for entry in found] == ["one line", "two"]


def test_a_10_megabyte_line_is_one_record(
    model_folder: Path, command: RunCommand, capsys: Any, tmp_path: Path
) -> None:
    path = tmp_path / "long.log"
    path.write_bytes(b"begin " + b"x" * 10_000_000 + b"\nnext\n")
    command("batch", path, "--model", model_folder)
    found = results(capsys.readouterr().out)
    assert [entry["log_text"][:6] for entry in found] == ["begin ", "next"]
    assert len(found[0]["log_text"]) <= 65_536


def test_an_empty_file_has_no_results_and_says_so(
    model_folder: Path, command: RunCommand, capsys: Any, tmp_path: Path
) -> None:
    path = tmp_path / "empty.log"
    path.touch()
    assert command("batch", path, "--model", model_folder) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"{path}: is empty, there is nothing to score\n"


def test_wrong_files_are_refused_before_the_model_is_loaded(
    command: RunCommand, tmp_path: Path
) -> None:
    (tmp_path / "binary").write_bytes(b"\x7fELF" + bytes(1000))
    for name, reason in (
        ("none", "no such file"),
        (".", "directory"),
        ("binary", "binary"),
    ):
        with pytest.raises(SourceError, match=reason):
            command("batch", tmp_path / name, "--model", "nowhere")
    (tmp_path / "a.log").write_text("x\n")
    with pytest.raises(ArtifactError, match="no such model"):
        command("batch", tmp_path / "a.log", "--model", "nowhere")


def test_a_wrong_threshold_is_a_usage_error(command: RunCommand, capsys: Any) -> None:
    for value in ("7", "-0.1", "nan", "much"):
        with pytest.raises(SystemExit) as leaving:
            command("batch", "x", f"--threshold={value}")
        assert leaving.value.code == 2
        assert "is no number from 0 to 1" in capsys.readouterr().err


def test_an_unwritable_output_or_wrong_state_is_one_line(
    log: Path, model_folder: Path, command: RunCommand, tmp_path: Path
) -> None:
    for output in (tmp_path, tmp_path / "none" / "out", log / "out"):
        with pytest.raises(DataError, match="cannot write"):
            command("batch", log, "-o", output, "--model", model_folder)
    with pytest.raises(StateError, match="holds no state"):
        command("batch", log, "--state", tmp_path, "--model", model_folder)


def test_a_state_says_what_is_new_and_is_not_changed(
    log: Path, model_folder: Path, command: RunCommand, capsys: Any, tmp_path: Path
) -> None:
    from tinylogbert_daemon.model.scorer import text_key
    from tinylogbert_daemon.state import Effects, Store

    store = Store(tmp_path / "state")
    effects = Effects()
    effects.counts[text_key("odd one")] = (99.0, 1_000_000.0, b"odd one")
    store.commit(effects)
    store.close()
    before = (tmp_path / "state" / "state.db").read_bytes()

    command("batch", log, "--state", tmp_path / "state", "--model", model_folder)
    assert 0.0 < results(capsys.readouterr().out)[-1]["novelty"] < 0.1
    assert (tmp_path / "state" / "state.db").read_bytes() == before
    command("batch", log, "--model", model_folder)
    assert results(capsys.readouterr().out)[-1]["novelty"] > 0.5


def test_online_learns_block_by_block(model_folder: Path) -> None:
    setup = load_setup(str(model_folder))
    renderer = Renderer(setup, online=True)
    found = []
    for minute in (0, 5, 15):
        block = f"2026-06-12T10:{minute:02}:00Z an odd thing\n".encode() * 4
        found.append(results(b"".join(renderer.text_block(block)).decode()))
    ((first,), (second,), (third,)) = ({one["novelty"] for one in rows} for rows in found)

    assert first > 0.5, "a block does not know itself"
    assert second < first
    # five minutes on it was the same episode: what was counted of it has only decayed since
    assert third == pytest.approx(second, rel=0.01) and third >= second
    assert [entry["line"] for entry in found[1]] == [5, 6, 7, 8]
    assert [entry["line"] for entry in found[2]] == [9, 10, 11, 12]


def test_online_learns_within_a_small_file(
    model_folder: Path, command: RunCommand, capsys: Any, tmp_path: Path
) -> None:
    path = tmp_path / "small.log"  # without dates: as if lines came every few seconds
    path.write_text("an odd thing\n" * 1200)
    assert command("batch", path, "--online", "--model", model_folder) == 0
    found = results(capsys.readouterr().out)
    assert [entry["line"] for entry in found] == list(range(1, 1201))
    novelties = [entry["novelty"] for entry in found]
    assert novelties == sorted(novelties, reverse=True)
    assert max(map(novelties.count, novelties)) == 500
    assert len(set(novelties)) >= 3


def test_log_time_runs_neither_backwards_nor_ahead_of_the_clock(model_folder: Path) -> None:
    setup = load_setup(str(model_folder))
    day = 1_781_222_400.0  # 2026-06-12T00:00:00Z
    learner = Learner(setup, ManualClock(day + 7200))
    times = []
    for hour in (1, 0, 5):
        learner.begin(f"2026-06-12T0{hour}:00:00Z x\n".encode())
        times.append(setup.clock.now() - day)
    assert times == [3600, 3600, 7200]


def test_a_log_is_learned_for_as_long_as_the_daemon_would(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = load_setup(str(model_folder))
    learner = Learner(setup, ManualClock(2e9))
    (verdict,) = setup.engine.verdicts(b"a thing\n")
    told: list[bool] = []
    monkeypatch.setattr(setup.decider, "decide", lambda _, now, *, learning: told.append(learning))
    for day, hour in ((12, 10), (13, 9), (13, 11)):
        learner.begin(f"2026-06-{day}T{hour:02}:00:00Z x\n".encode())
        learner.decide(verdict)
    assert told == [True, True, False]


def test_results_do_not_depend_on_the_blocks(log: Path, model_folder: Path) -> None:
    setup = load_setup(str(model_folder))
    content = log.read_bytes()
    whole = b"".join(Renderer(setup).text_block(content))
    renderer = Renderer(setup)
    parts = b"".join(
        b"".join(renderer.text_block(line + b"\n")) for line in content.split(b"\n")[:-1]
    )
    assert parts == whole


@given(lines=st.lists(st.binary(max_size=50), max_size=6))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_bytes_give_one_valid_object_a_record(lines: list[bytes], model_folder: Path) -> None:
    block = b"".join(line.replace(b"\n", b"") + b"\n" for line in lines)
    output = b"".join(Renderer(_setup(model_folder)).text_block(block))
    assert output.isascii()
    assert len(results(output.decode())) == len(lines)


_SETUPS: dict[Path, Any] = {}


def _setup(model_folder: Path) -> Any:
    if model_folder not in _SETUPS:
        _SETUPS[model_folder] = load_setup(str(model_folder))
    return _SETUPS[model_folder]


def test_standard_input_through_a_real_pipe(model_folder: Path) -> None:
    environment = {**os.environ, "TINYLOGBERT_MODEL__PATH": str(model_folder)}
    done = subprocess.run(
        [sys.executable, "-m", "tinylogbert_daemon", "batch", "-"],
        input=b"one\ntwo\nno newline at the end",
        capture_output=True,
        env=environment,
        check=True,
    )
    assert [entry["log_text"] for entry in results(done.stdout.decode())] == [
        "one",
        "two",
        "no newline at the end",
    ]
    assert done.stderr == b""


def test_a_reader_that_leaves_is_no_traceback(model_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("x\n" * 200_000)
    command = f"{sys.executable} -m tinylogbert_daemon batch {path} --model {model_folder}"
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -n 1"], capture_output=True, check=False
    )
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == b""


def test_a_terminal_gets_no_escape_from_a_hostile_line(
    model_folder: Path, command: RunCommand, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    hostile = "\x1b[31mred\x07 \x9b31m \u202e bidi"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(f"{hostile}\n".encode())))
    command("batch", "-", "--model", model_folder)
    assert not set(capsys.readouterr().out) & set("\x1b\x07\x9b\u202e")
    for options in ([], ["--json"]):
        command("detect", hostile, "--model", model_folder, *options)
        assert not set(capsys.readouterr().out) & set("\x1b\x07\x9b\u202e")
