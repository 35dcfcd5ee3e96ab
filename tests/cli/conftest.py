"""A small LogBERT-Distil beside the small TinyLogBERT, and labelled data for both."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import log_lines


@pytest.fixture(scope="session")
def distil_folder(log_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifact of a very small DistilBERT, really trained on ``log_file`` and exported."""
    from tinylogbert_daemon.training.corpus import collect
    from tinylogbert_daemon.training.export import export
    from tinylogbert_daemon.training.size import Size
    from tinylogbert_daemon.training.train import TrainOptions, train

    options = TrainOptions(
        model_type="logbert_distil",
        epochs=2,
        batch_size=8,
        learning_rate=3e-3,
        init="none",
        size=Size(width=24, layers=2, heads=2, inner=48),
    )
    checkpoints = tmp_path_factory.mktemp("distil")
    corpus = collect([str(log_file)])
    network, tokenizer, summary = train(options, corpus, checkpoints)
    return export(network, tokenizer, corpus, summary, checkpoints)


@pytest.fixture(scope="session")
def labelled_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled JSONL of 150 lines, 30 of them simulated anomalies."""
    from tinylogbert_daemon.training.convert import convert

    folder = tmp_path_factory.mktemp("labelled")
    log, path = folder / "app.log", folder / "app_jsonl.json"
    log.write_text("".join(f"{line}\n" for line in log_lines(150, seed=3)))
    with path.open("wb") as stream:
        convert(str(log), stream, 0.2)
    return path
