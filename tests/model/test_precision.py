"""bfloat16 and int8: near to fp32, the same verdict in any batch, taken only where that holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.conftest import log_lines
from tinylogbert_daemon.config.load import load as load_config
from tinylogbert_daemon.config.schema import Precision
from tinylogbert_daemon.errors import ArtifactError, ConfigError
from tinylogbert_daemon.model import precision as precision_module
from tinylogbert_daemon.model import scorer as scorer_module
from tinylogbert_daemon.model.artifact import load
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.precision import fastest, has_bfloat16, same_in_any_batch
from tinylogbert_daemon.model.products import Int8, Tiled, has_int8
from tinylogbert_daemon.model.scorer import Scorer
from tinylogbert_daemon.model.shape import shapes

TEXTS = sorted({normalize(shape) for shape in shapes("\n".join(log_lines(120)).encode())})
native = pytest.mark.skipif(
    not has_bfloat16("cpu"), reason="this processor does not compute in bfloat16 itself"
)
rounded = pytest.mark.skipif(not has_int8(), reason="this torch computes no int8 here")
FAST = [pytest.param("bf16", marks=native), pytest.param("int8", marks=rounded)]


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


@pytest.mark.parametrize("precision", FAST)
def test_it_is_near_to_fp32(model_folder: Path, precision: Precision) -> None:
    artifact = load(str(model_folder))
    exact = Scorer(artifact, precision="fp32").score(TEXTS)
    fast = Scorer(artifact, precision=precision).score(TEXTS)
    change = [abs(one.raw - other.raw) for one, other in zip(exact, fast, strict=True)]
    assert 0 < max(change) < 0.05, "other numbers, the same model"
    for one, other in zip(exact, fast, strict=True):
        assert abs(one.severity - other.severity) < 0.02
        assert float(one.embedding.astype("f4") @ other.embedding.astype("f4")) > 0.999


@pytest.mark.parametrize("precision", FAST)
def test_a_text_has_one_verdict_alone_and_among_others(precision: Precision) -> None:
    scorer = Scorer(load(), precision=precision)
    for among in scorer.score(TEXTS):
        [alone] = scorer.score([among.text])
        assert alone.raw == pytest.approx(among.raw, abs=1e-5)
        assert alone.severity == pytest.approx(among.severity, abs=1e-5)


@rounded
def test_what_is_out_of_range_in_int8_is_taken_for_its_end() -> None:
    weight, bias = torch.eye(3), torch.zeros(3)
    product = Int8(weight, bias, -1.0, 2.0)
    states = torch.tensor([[-5.0, 0.0, 9.0], [-1.0, 0.5, 2.0]])
    expected = torch.tensor([[-1.0, 0.0, 2.0], [-1.0, 0.5, 2.0]])
    assert torch.allclose(product(states, weight, bias), expected, atol=0.01)


@rounded
def test_int8_does_not_overflow_where_two_products_are_added_in_16_bits() -> None:
    weight, bias = torch.ones(2, 256), torch.zeros(2)
    product = Int8(weight, bias, 0.0, 1.0)
    assert torch.allclose(product(torch.ones(1, 256), weight, bias), torch.full((1, 2), 256.0))


def test_tiles_give_what_one_product_gives() -> None:
    weight, bias = torch.randn(5, 8), torch.randn(5)
    for rows in (1, 32, 33, 400):
        states = torch.randn(rows, 3, 8)
        expected = torch.nn.functional.linear(states, weight, bias)
        assert torch.allclose(Tiled()(states, weight, bias), expected, atol=1e-6)


def test_int8_is_taken_where_model_and_host_can(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact = load(str(model_folder))
    without = replace(artifact, manifest=replace(artifact.manifest, ranges={}))
    monkeypatch.setattr(precision_module, "has_bfloat16", lambda _: False)
    for has in (True, False):
        monkeypatch.setattr(precision_module, "has_int8", lambda has=has: has)
        assert fastest(artifact) == ("int8" if has and artifact.manifest.ranges else "fp32")
        assert fastest(without) == "fp32"
    monkeypatch.setattr(precision_module, "has_bfloat16", lambda _: True)
    assert fastest(artifact) == "bf16"


@rounded
def test_the_scorer_says_in_what_it_computes(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact = load(str(model_folder))
    monkeypatch.setattr(precision_module, "has_bfloat16", lambda _: False)
    assert Scorer(artifact).precision == "int8"
    assert Scorer(artifact, precision="fp32").precision == "fp32"
    monkeypatch.setattr(scorer_module, "same_in_any_batch", lambda *_: False)
    assert Scorer(artifact).precision == "fp32", "rather slow than another verdict in each batch"
    with pytest.raises(ArtifactError, match="would depend on their batch"):
        Scorer(artifact, precision="int8")


def test_a_model_without_ranges_is_not_computed_in_int8(model_folder: Path) -> None:
    artifact = load(str(model_folder))
    without = replace(artifact, manifest=replace(artifact.manifest, ranges={}))
    with pytest.raises(ArtifactError, match="cannot be computed in int8"):
        Scorer(without, precision="int8")


@rounded
def test_products_without_a_range_are_computed_as_in_fp32(model_folder: Path) -> None:
    artifact = load(str(model_folder))
    few = {"vocabulary": artifact.manifest.ranges["vocabulary"]}
    scorer = Scorer(
        replace(artifact, manifest=replace(artifact.manifest, ranges=few)), precision="int8"
    )
    exact = Scorer(artifact, precision="fp32").score(TEXTS)
    for one, other in zip(exact, scorer.score(TEXTS), strict=True):
        assert one.raw != other.raw
        assert one.severity == pytest.approx(other.severity, abs=1e-6)


@pytest.mark.parametrize("precision", ["fp32", *FAST])
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
