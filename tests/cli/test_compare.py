"""``compare``: both models in one report; LogBERT-Distil goes wherever a model goes."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RunCommand
from tests.web.doubles import ask, make_app
from tinylogbert_daemon import cli
from tinylogbert_daemon.cli.setup import load_setup
from tinylogbert_daemon.errors import ArtifactError, DataError, SourceError
from tinylogbert_daemon.training.corpus import labelled_lines
from tinylogbert_daemon.training.evaluate import evaluate_scores, score_lines
from tinylogbert_daemon.web.detector import EngineDetector


def arguments(data: Path, tiny: Path, distil: Path, folder: Path) -> list[str | Path]:
    return [
        "--test-data", data, "--tiny-model-path", tiny, "--distil-model-path", distil,
        "--output-dir", folder,
    ]  # fmt: skip


def test_both_models_stand_beside_each_other_in_one_report(
    labelled_file: Path,
    model_folder: Path,
    distil_folder: Path,
    command: RunCommand,
    capsys: Any,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "made" / "here"
    assert command("compare", *arguments(labelled_file, model_folder, distil_folder, folder)) == 0

    captured = capsys.readouterr()
    names = {"curves", "scores", "thresholds", "inference", "embeddings"}
    assert {path.name for path in folder.iterdir()} == {
        "results.json", "report.html", *(f"{name}.png" for name in names),
    }  # fmt: skip
    assert all(f"wrote {path}" in captured.err for path in folder.iterdir())
    results = json.loads((folder / "results.json").read_text())
    assert (results["lines"], results["anomalies"]) == (150, 30)
    assert results["models"].keys() == {"tinylogbert", "logbert_distil"}
    assert results["baselines"].keys() == {"new pattern", "rare pattern", "line length"}
    for model, artifact in zip(
        results["models"].values(), (model_folder, distil_folder), strict=True
    ):
        found = score_lines(load_setup(str(artifact)).engine, labelled_lines(str(labelled_file)))
        assert model["artifact"] == artifact.name
        assert model["quality"] == evaluate_scores(found.labels, found.scores)
        assert model["bytes"] == sum(path.stat().st_size for path in artifact.iterdir())
        assert model["parameters"] > 1000
        assert model["training"]["steps"] > 0
        assert model["training"]["size"]["layers"] == 2
        timing = model["timing"]
        assert 0 < timing["median_ms"] <= timing["p95_ms"]
        assert timing["warm_lines_per_s"] > timing["cold_lines_per_s"] > 0
        assert f"{model['quality']['ap']:.4f}" in captured.out
    page = (folder / "report.html").read_text()
    for sentence in results["summary"]:
        assert sentence in captured.out
        assert sentence.replace("'", "&#x27;") in page
    assert str(tmp_path) not in page


def test_a_model_of_the_other_type_is_refused(
    labelled_file: Path,
    model_folder: Path,
    distil_folder: Path,
    command: RunCommand,
    tmp_path: Path,
) -> None:
    with pytest.raises(DataError, match="--distil-model-path needs a logbert_distil one"):
        command("compare", *arguments(labelled_file, model_folder, model_folder, tmp_path / "d"))
    with pytest.raises(DataError, match="--tiny-model-path needs a tinylogbert one"):
        command("compare", *arguments(labelled_file, distil_folder, distil_folder, tmp_path / "d"))
    with pytest.raises(ArtifactError, match="no such model"):
        command(
            "compare", *arguments(labelled_file, model_folder, tmp_path / "none", tmp_path / "d")
        )
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"log_text": "x", "label": 0}\n', "only label 0"),
        ('{"log_text": "x", "label": 1}\n', "only label 1"),
        ('{"log_text": "x"}\n', "no labelled line"),
        ("", "no labelled line"),
        ("plain log line\n", ":1: not JSON"),
    ],
)
def test_data_that_cannot_be_measured_on_is_one_line(
    content: str,
    reason: str,
    model_folder: Path,
    distil_folder: Path,
    tmp_path: Path,
    capsys: Any,
) -> None:
    path = tmp_path / "data.json"
    path.write_text(content)
    given = arguments(path, model_folder, distil_folder, tmp_path / "d")
    assert cli.main(["compare", *map(str, given)]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"tinylogbert: {path}")
    assert reason in told
    assert told.count("\n") == 1


def test_wrong_files_and_usage(
    labelled_file: Path,
    model_folder: Path,
    distil_folder: Path,
    command: RunCommand,
    tmp_path: Path,
) -> None:
    with pytest.raises(SourceError, match="no such file"):
        command("compare", *arguments(tmp_path / "x", model_folder, distil_folder, tmp_path / "d"))
    with pytest.raises(DataError, match="cannot write into this folder"):
        command("compare", *arguments(labelled_file, model_folder, distil_folder, labelled_file))
    for wrong in ([], ["--test-data", "x"], ["--test-data", "x", "--tiny-model-path", "y"]):
        with pytest.raises(SystemExit) as leaving:
            command("compare", *wrong)
        assert leaving.value.code == 2


def test_logbert_distil_goes_wherever_a_model_goes(
    labelled_file: Path, distil_folder: Path, command: RunCommand, capsys: Any, tmp_path: Path
) -> None:
    line = json.loads(labelled_file.read_text().splitlines()[0])["log_text"]
    assert command("detect", "--json", "--model", distil_folder, line) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["model"] == distil_folder.name

    output = tmp_path / "results.jsonl"
    given = ["--json-format", "-o", output, "--model", distil_folder, labelled_file]
    assert command("batch", *given) == 0
    first, *others = [json.loads(row) for row in output.read_text().splitlines()]
    assert len(others) == 149
    assert {key: first[key] for key in result} == result

    assert command("evaluate", "--data-file", labelled_file, "--model", distil_folder) == 0
    assert "150 lines, 30 of them anomalies" in capsys.readouterr().out


def test_logbert_distil_can_be_served(distil_folder: Path) -> None:
    with ThreadPoolExecutor(1) as executor:
        engine = load_setup(str(distil_folder)).engine
        detector: Any = EngineDetector(engine, executor)  # in the place of a double
        app = make_app(detector)
        answer = ask(app, "POST", "/api/anomaly/detect", json={"log_text": "disk full"})
    assert answer.status_code == 200
    assert answer.json() == engine.results(["disk full"])[0]
    assert answer.json()["model"] == distil_folder.name
