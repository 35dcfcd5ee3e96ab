"""The benchmark of new texts: its peer is right by itself, and the script finishes."""

from __future__ import annotations

from pathlib import Path

import inference
import pytest
import torch

from tests.bench.test_scripts import run
from tests.conftest import log_lines
from tinylogbert_daemon.model.artifact import load
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.scorer import Scorer
from tinylogbert_daemon.model.shape import shapes
from tinylogbert_daemon.training.train import network_of

pytestmark = pytest.mark.timeout(180)


@pytest.mark.parametrize("which", ["base", "small"])
def test_a_verdict_is_what_plain_transformers_makes_of_the_same_weights(
    which: str, model_folder: Path
) -> None:
    artifact = load("base" if which == "base" else str(model_folder))
    texts = sorted({normalize(shape) for shape in shapes("\n".join(log_lines(40)).encode())})
    texts += ["word", "[error]", "[num] error " * 80]
    ours = Scorer(artifact, precision="fp32").score(texts)
    theirs = inference.eager(network_of(artifact).eval(), artifact.tokenizer, texts)

    assert len({round(raw, 3) for raw, _ in theirs}) > 10
    for verdict, (raw, severity) in zip(ours, theirs, strict=True):
        assert verdict.raw == pytest.approx(raw, abs=1e-4)
        assert verdict.severity == pytest.approx(severity, abs=1e-4)


def test_the_pipeline_masks_each_word_once(model_folder: Path) -> None:
    artifact = load(str(model_folder))
    score = inference.fill_mask(network_of(artifact).eval(), artifact.tokenizer)
    with torch.no_grad():
        found = score(["one two three four five six", "one"])
    # four groups of six words, one of one; two masks in a text are two lists
    assert [len(each) for each in found] == [2, 2, 1, 1, 1]


@pytest.mark.usefixtures("benchmark_data")
def test_it_finishes_and_scores_as_its_peer(model_folder: Path) -> None:
    found = run("inference.py", "--quick", "--model", str(model_folder))
    assert found.keys() == {
        "texts_per_s",
        "vs_eager",
        "vs_eager_sorted",
        "vs_hf_pipeline",
        "max_score_change",
    }
    assert found["texts_per_s"] > 0
    assert found["max_score_change"] < 0.05, "ours may compute in bf16, the peer does not"
