"""bfloat16: near to fp32, the same verdict in any batch, and taken only where that holds."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.conftest import log_lines
from tinylogbert_daemon.config.load import load as load_config
from tinylogbert_daemon.config.schema import Precision
from tinylogbert_daemon.errors import ConfigError
from tinylogbert_daemon.model.artifact import load
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.precision import has_bfloat16, same_in_any_batch
from tinylogbert_daemon.model.scorer import Scorer
from tinylogbert_daemon.model.shape import shapes

TEXTS = sorted({normalize(shape) for shape in shapes("\n".join(log_lines(120)).encode())})
native = pytest.mark.skipif(
    not has_bfloat16("cpu"), reason="this processor does not compute in bfloat16 itself"
)


class Own(torch.nn.Module):
    """What each row gives does not depend on the others."""

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the rows' sums, twice."""
        return ids.float().sum(1), mask.float().sum(1)


class Shared(torch.nn.Module):
    """What each row gives depends on how many there are."""

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the rows' sums, and what they add up to for each row."""
        return ids.float().sum(1), mask.float().sum().expand(len(ids))


class Broken(torch.nn.Module):
    """A graph that does not run in the type of its weights."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(4, 4, dtype=torch.bfloat16))

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Multiply numbers of two types."""
        return ids.float() @ self.weight, mask.float().sum(1)


@pytest.mark.parametrize(("module", "holds"), [(Own, True), (Shared, False), (Broken, False)])
def test_a_verdict_that_depends_on_its_batch_is_found_out(
    module: type[torch.nn.Module], holds: bool
) -> None:
    graph = torch.jit.script(module())
    ids = torch.arange(16).reshape(4, 4)
    assert same_in_any_batch(graph, ids) is holds


@native
def test_bfloat16_is_near_to_fp32(model_folder: Path) -> None:
    artifact = load(str(model_folder))
    exact = Scorer(artifact, precision="fp32").score(TEXTS)
    fast = Scorer(artifact, precision="bf16").score(TEXTS)
    change = [abs(one.raw - other.raw) for one, other in zip(exact, fast, strict=True)]
    assert 0 < max(change) < 0.05, "another type, the same model"
    for one, other in zip(exact, fast, strict=True):
        assert abs(one.severity - other.severity) < 0.02
        assert float(one.embedding.astype("f4") @ other.embedding.astype("f4")) > 0.999


@pytest.mark.parametrize("precision", ["fp32", pytest.param("bf16", marks=native)])
def test_threads_share_batches_and_change_nothing(model_folder: Path, precision: Precision) -> None:
    artifact = load(str(model_folder))
    before = torch.get_num_threads()
    one = Scorer(artifact, 1, precision=precision).score(TEXTS)
    three = Scorer(artifact, 3, precision=precision).score(TEXTS)
    assert [(v.text, v.raw, v.severity) for v in one] == [
        (v.text, v.raw, v.severity) for v in three
    ]
    assert torch.get_num_threads() == before, "others' setting is left as it was"


def test_another_precision_is_no_setting(tmp_path: Path) -> None:
    path = tmp_path / "tinylogbert.yaml"
    path.write_text("model: {precision: fp16}\n")
    with pytest.raises(ConfigError, match="precision"):
        load_config(path)
