"""``detect`` and ``tokenize``: one line at a time."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RunCommand, log_lines
from tinylogbert_daemon.errors import ArtifactError, DataError

LINE = log_lines(1)[0]


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Any:
    def feed(content: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))

    return feed


def test_people_get_a_line_with_the_verdict(
    model_folder: Path, command: RunCommand, capsys: Any
) -> None:
    assert command("detect", LINE, "-t", "0", "--model", model_folder) == 0
    assert capsys.readouterr().out.startswith("ANOMALY ")
    assert command("detect", LINE, "-t", "1", "--model", model_folder) == 0
    out = capsys.readouterr().out
    assert out.startswith("normal ")
    assert out.count("\n") == 1
    assert LINE in out


def test_json_is_the_result(model_folder: Path, command: RunCommand, capsys: Any) -> None:
    assert command("detect", LINE, "--model", model_folder, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["log_text"] == LINE
    assert result["line"] == 1
    assert result["model"] == model_folder.name
    assert result["novelty"] < 1, "the model was trained on such lines"


def test_each_line_of_standard_input_is_scored(
    model_folder: Path, command: RunCommand, capsys: Any, stdin: Any
) -> None:
    stdin(b"one\r\ntwo \xff\nthree")
    assert command("detect", "-", "--model", model_folder, "--json") == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(entry["line"], entry["log_text"]) for entry in found] == [
        (1, "one"),
        (2, "two �"),
        (3, "three"),
    ]


def test_nothing_on_standard_input_is_said(
    model_folder: Path, command: RunCommand, stdin: Any
) -> None:
    for name in ("detect", "tokenize"):
        stdin(b"")
        with pytest.raises(DataError, match="standard input: is empty"):
            command(name, "-", "--model", model_folder)


@pytest.mark.parametrize("line", ["", " ", "\x00", "a\nb", "\ud800", "x" * 200_000, "[MASK]"])
def test_strange_lines_are_scored(
    line: str, model_folder: Path, command: RunCommand, capsys: Any
) -> None:
    assert command("detect", line, "--model", model_folder, "--json") == 0
    assert json.loads(capsys.readouterr().out)["log_text"] == line
    assert command("tokenize", line, "--model", model_folder) == 0


def test_a_wrong_model_is_one_line(command: RunCommand, tmp_path: Path) -> None:
    for name in ("detect", "tokenize"):
        with pytest.raises(ArtifactError, match="not a model folder"):
            command(name, LINE, "--model", tmp_path)


def test_tokenize_shows_what_the_model_reads(
    model_folder: Path, command: RunCommand, capsys: Any
) -> None:
    assert command("tokenize", "error: took 35 ms", "--model", model_folder, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["text"] == "[error] took [num] ms"
    assert (found["tokens"][0], found["tokens"][-1]) == ("[CLS]", "[SEP]")
    assert len(found["tokens"]) == len(found["ids"])

    assert command("tokenize", "error: took 35 ms", "--model", model_folder) == 0
    assert capsys.readouterr().out.splitlines() == [
        "text    [error] took [num] ms",
        f"tokens  {' '.join(found['tokens'])}",
        f"ids     {' '.join(map(str, found['ids']))}",
    ]


def test_the_commands_run_as_processes_without_the_train_extra(model_folder: Path) -> None:
    # what stands in for an installation without the extra: these imports fail
    code = (
        "import sys\n"
        "for name in ('transformers', 'sklearn', 'safetensors', 'matplotlib'):\n"
        "    sys.modules[name] = None\n"
        "from tinylogbert_daemon.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
        )

    done = run("detect", LINE, "--model", str(model_folder))
    assert (done.returncode, done.stderr) == (0, "")
    for command in (["train", "--data-file", "x"], ["evaluate", "--data-file", "x"]):
        done = run(*command)
        assert done.returncode == 1
        assert done.stderr == (
            "tinylogbert: this command needs transformers, sklearn, safetensors: "
            "pip install 'tinylogbert[train]'\n"
        )


@pytest.mark.parametrize("name", ["train", "convert", "evaluate", "tokenize", "detect", "batch"])
def test_help_loads_nothing_heavy(name: str) -> None:
    code = (
        "import sys\n"
        "from tinylogbert_daemon.cli import main\n"
        "try:\n"
        f"    main(['{name}', '--help'])\n"
        "except SystemExit as leaving:\n"
        "    assert leaving.code == 0\n"
        "heavy = {'torch', 'numpy', 'transformers', 'sklearn', 'tokenizers', 'pydantic'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"tinylogbert {name}" in done.stdout
