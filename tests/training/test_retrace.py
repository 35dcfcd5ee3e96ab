"""An artifact in a new graph: the same weights, calibration and verdicts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from tests.conftest import log_lines
from tinylogbert_daemon.errors import ArtifactError
from tinylogbert_daemon.model.artifact import load

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from retrace import TEXTS, retrace

from tinylogbert_daemon.model.products import has_int8
from tinylogbert_daemon.model.scorer import Scorer
from tinylogbert_daemon.training.export import INT8_TOLERANCE
from tinylogbert_daemon.training.layers import EXACT, names_of_products


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
    both = (Scorer(one, precision="fp32").score(TEXTS) for one in (old, new))
    for before, after in zip(*both, strict=True):
        assert after.raw == pytest.approx(before.raw, abs=1e-4)


@pytest.mark.skipif(not has_int8(), reason="this torch computes no int8 here")
def test_the_ranges_are_those_of_the_logs_that_are_named(
    model_folder: Path, tmp_path: Path
) -> None:
    log = tmp_path / "a.log"
    log.write_text("".join(f"{line}\n" for line in log_lines(60)))
    found = [
        load(str(retrace(str(model_folder), tmp_path, logs))).manifest for logs in ([], [str(log)])
    ]
    assert set(found[0].ranges) == set(found[1].ranges) == set(names_of_products(2)) - set(EXACT)
    assert found[0].ranges != found[1].ranges
    assert all(one.training["int8_difference"] < INT8_TOLERANCE for one in found)


def test_what_is_no_artifact_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="not a model folder"):
        retrace(str(tmp_path), tmp_path)
