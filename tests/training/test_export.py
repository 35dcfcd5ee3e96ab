"""Export: TorchScript equals eager, the file is as small as it can be, the symlink follows."""

from __future__ import annotations

import io
import zipfile
from copy import deepcopy
from pathlib import Path
from random import Random

import pytest
import torch

from tests.conftest import log_lines
from tinylogbert_daemon.errors import ArtifactError
from tinylogbert_daemon.model.artifact import load
from tinylogbert_daemon.model.products import has_int8
from tinylogbert_daemon.model.scorer import Scorer
from tinylogbert_daemon.model.tokenizer import PAD, POSITIONS, Tokenizer
from tinylogbert_daemon.training.corpus import Corpus
from tinylogbert_daemon.training.export import (
    INT8_TOLERANCE,
    TOLERANCE,
    check,
    export,
    point,
    saved,
    trace,
)
from tinylogbert_daemon.training.layers import EXACT, names_of_products
from tinylogbert_daemon.training.networks import MODEL_TYPES, Network, VerdictGraph, build
from tinylogbert_daemon.training.size import Size
from tinylogbert_daemon.training.vocabulary import train_tokenizer

TINY = Size(width=16, layers=1, heads=2, inner=32)


def words(count: int) -> list[str]:
    random = Random(0)
    return ["".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(count)]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(log_lines(50))


@pytest.fixture(params=MODEL_TYPES)
def network(request: pytest.FixtureRequest, tokenizer: Tokenizer) -> Network:
    torch.manual_seed(0)
    return build(request.param, tokenizer, size=TINY)


def rows(lengths: list[int], vocabulary: int) -> torch.Tensor:
    """Return padded rows of random ids of these lengths, framed by [CLS] and [SEP]."""
    generator = torch.Generator().manual_seed(0)
    return torch.nn.utils.rnn.pad_sequence(
        [
            torch.cat(
                [
                    torch.tensor([2]),
                    torch.randint(31, vocabulary, (length - 2,), generator=generator),
                    torch.tensor([3]),
                ]
            )
            for length in lengths
        ],
        batch_first=True,
        padding_value=PAD,
    )


def test_torchscript_equals_eager_at_other_batches_and_lengths_than_it_was_traced_with(
    network: Network, tokenizer: Tokenizer
) -> None:
    network.half().float()
    traced = trace(network, rows([9, 7, 3], tokenizer.size).tolist()).float()
    eager = VerdictGraph(network).eval()

    for lengths in ([3], [POSITIONS], [POSITIONS, 3, 64, 5, 5, 17], [12] * 20):
        ids = rows(lengths, tokenizer.size)
        with torch.no_grad():
            pairs = list(zip(eager(ids, ids != PAD), traced(ids, ids != PAD), strict=True))
        for expected, actual in pairs:
            assert expected.shape == actual.shape
            assert float((expected - actual).abs().max()) < TOLERANCE


def test_a_verdict_masks_every_token_once_and_scores_neither_frame_nor_padding(
    network: Network, tokenizer: Tokenizer
) -> None:
    ids = rows([12, 5], tokenizer.size)
    with torch.no_grad():
        surprise, severity, embedding = VerdictGraph(network.eval())(ids, ids != PAD)

    assert bool((surprise[0, 1:11] > 0).all())
    assert bool((surprise[1, 1:4] > 0).all())
    assert float(surprise[:, 0].abs().sum() + surprise[0, 11] + surprise[1, 4:].sum()) == 0
    assert bool(((severity >= 0) & (severity <= 1)).all())
    assert torch.allclose(embedding.norm(dim=-1), torch.ones(2))


def test_severity_does_not_depend_on_the_level_that_the_line_carries(
    network: Network, tokenizer: Tokenizer
) -> None:
    texts = [f"[time] {level} cannot open [path]" for level in ("[info]", "[fatal]")]
    ids = torch.tensor([encoding.ids for encoding in tokenizer.encode(texts)])
    with torch.no_grad():
        surprise, severity, embedding = VerdictGraph(network.eval())(ids, ids != PAD)

    assert torch.allclose(severity[0], severity[1], atol=1e-6)
    assert torch.allclose(embedding[0], embedding[1], atol=1e-5)
    assert not torch.allclose(surprise[0], surprise[1], atol=1e-3)


def test_a_graph_that_differs_from_eager_is_refused(network: Network, tokenizer: Tokenizer) -> None:
    some = rows([9, 7, 3], tokenizer.size).tolist()
    traced = trace(network.half().float(), some).float()
    with torch.no_grad():
        network.get_parameter("severity_head.0.bias").add_(0.5)

    with pytest.raises(ArtifactError, match="TorchScript differs from eager by"):
        check(network, traced, some)


def test_a_bert_mini_of_8192_ids_is_stored_in_11_megabytes() -> None:
    tokenizer = train_tokenizer(words(9000) * 2)
    network = build("tinylogbert", tokenizer)
    model = saved(trace(network, rows([9, 7, 3], 8000).tolist()))

    assert tokenizer.size == 8192
    # 5.3 million weights of two bytes: the embedding, which is the decoder too, is there once
    assert len(model) < 11.3e6
    loaded = torch.jit.load(io.BytesIO(model))  # type: ignore[no-untyped-call]
    assert sum(value.numel() for value in loaded.parameters()) == sum(
        value.numel() for value in network.parameters()
    )


def test_the_file_does_not_tell_where_it_was_made(network: Network, tokenizer: Tokenizer) -> None:
    traced = trace(network, rows([9, 7, 3], tokenizer.size).tolist())
    with zipfile.ZipFile(io.BytesIO(saved(traced))) as archive:
        for entry in archive.infolist():
            assert str(Path.cwd()).encode() not in archive.read(entry), entry.filename


def test_the_artifact_scores_as_the_network_that_it_was_exported_from(
    network: Network, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    texts = ["[time] [info] all is well", "[time] [error] cannot open [path]"]
    folder = export(
        network,
        tokenizer,
        Corpus(dict.fromkeys(texts, 9), 4, dict.fromkeys(texts, 2)),
        {"note": 1},
        tmp_path,
    )

    artifact = load(str(folder))
    scored = Scorer(artifact, precision="fp32").score(texts)
    ids = torch.tensor([tokenizer.encode(texts[1:])[0].ids])
    with torch.no_grad():
        surprise, severity, _ = VerdictGraph(network)(ids, ids != PAD)
    assert scored[1].raw == pytest.approx(float(surprise[0, 1:-1].mean()), abs=TOLERANCE)
    assert scored[1].severity == pytest.approx(float(severity[0]), abs=TOLERANCE)
    manifest = artifact.manifest
    assert manifest.training["note"] == 1
    assert manifest.training["timestamp"] > 1.7e9
    assert {int(key, 16) for key in manifest.counts} == {verdict.key for verdict in scored}
    assert set(manifest.counts.values()) == {2}
    assert (tmp_path / network.model_type).resolve() == folder
    assert load(str(tmp_path / network.model_type)).name == folder.name


@pytest.mark.skipif(not has_int8(), reason="this torch computes no int8 here")
def test_where_int8_would_change_verdicts_there_are_no_ranges(
    network: Network, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    texts = ["[time] [info] all is well", "[time] [error] cannot open [path]"]
    corpus = Corpus(dict.fromkeys(texts, 9), 4, dict.fromkeys(texts, 2))
    good = load(str(export(deepcopy(network), tokenizer, corpus, {}, tmp_path)))
    assert set(good.manifest.ranges) == set(names_of_products(1)) - set(EXACT)
    assert good.manifest.training["int8_difference"] < INT8_TOLERANCE

    # a weight of what is never there, beside which all others round to nothing
    with torch.no_grad():
        network.masked_lm.get_input_embeddings().weight *= 50
        for layer in network.layers():
            layer.outer.weight *= 100
            layer.inner.bias[0] = -100
            layer.outer.weight[:, 0] = 1e4
    bad = load(str(export(network, tokenizer, corpus, {}, tmp_path)))
    assert bad.manifest.ranges == {}
    assert bad.manifest.training["int8_difference"] > INT8_TOLERANCE


def test_the_symlink_moves_to_the_newest_artifact(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        point(tmp_path / "link", tmp_path / name)
        assert (tmp_path / "link").readlink() == Path(name)
