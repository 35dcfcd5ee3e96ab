"""An artifact in a new graph: the same weights, calibration and verdicts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from tinylogbert_daemon.errors import ArtifactError
from tinylogbert_daemon.model.artifact import load

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from retrace import TEXTS, retrace

from tinylogbert_daemon.model.scorer import Scorer


def test_all_but_the_graph_stays(model_folder: Path, tmp_path: Path) -> None:
    old = load(str(model_folder))
    new = load(str(retrace(str(model_folder), tmp_path)))

    assert new.folder.parent == tmp_path
    for field in ("calibration", "counts", "pairs", "model_type"):
        assert getattr(new.manifest, field) == getattr(old.manifest, field)
    assert new.tokenizer.to_json() == old.tokenizer.to_json()
    weights = new.unfrozen_graph().state_dict()
    for name, value in old.unfrozen_graph().state_dict().items():
        assert torch.equal(weights[name], value), name
    for before, after in zip(Scorer(old).score(TEXTS), Scorer(new).score(TEXTS), strict=True):
        assert after.raw == pytest.approx(before.raw, abs=1e-4)


def test_what_is_no_artifact_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="not a model folder"):
        retrace(str(tmp_path), tmp_path)
