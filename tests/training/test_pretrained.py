"""``--init``: weights that transformers saved, in small folders made here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, DistilBertConfig, DistilBertForMaskedLM

from tests.conftest import log_lines
from tinylogbert_daemon.errors import DataError
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.shape import shapes
from tinylogbert_daemon.model.tokenizer import POSITIONS, Tokenizer
from tinylogbert_daemon.training.corpus import Corpus
from tinylogbert_daemon.training.networks import build
from tinylogbert_daemon.training.size import Size
from tinylogbert_daemon.training.train import TrainOptions, train
from tinylogbert_daemon.training.vocabulary import train_tokenizer

TEXTS = sorted({normalize(shape) for shape in shapes("\n".join(log_lines(200)).encode())})
VOCABULARY = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "queue",
    "cache",
    "worker",
    "error",
    "time",
    "##r",
    "##s",
    "in",
    "of",
    "the",
    "jobs",
    "path",
]


def save(folder: Path, model: Any, model_type: str) -> str:
    folder.mkdir()
    model.save_pretrained(folder, safe_serialization=True)
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in VOCABULARY))
    return str(folder)


@pytest.fixture
def bert(tmp_path: Path) -> tuple[str, Any]:
    config = BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=40,
        max_position_embeddings=200,
    )
    model = BertForMaskedLM(config)
    return save(tmp_path / "bert", model, "bert"), model


@pytest.fixture
def distilbert(tmp_path: Path) -> tuple[str, Any]:
    config = DistilBertConfig(
        vocab_size=len(VOCABULARY),
        dim=24,
        n_layers=2,
        n_heads=3,
        hidden_dim=40,
        max_position_embeddings=64,
    )
    model = DistilBertForMaskedLM(config)
    return save(tmp_path / "distilbert", model, "distilbert"), model


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer(TEXTS)


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_the_encoder_starts_from_the_saved_weights(
    kind: str, tokenizer: Tokenizer, request: pytest.FixtureRequest
) -> None:
    folder, model = request.getfixturevalue(kind)
    model_type = {"bert": "tinylogbert", "distilbert": "logbert_distil"}[kind]

    network = build(model_type, tokenizer, folder)

    assert network.size == Size(width=24, layers=2, heads=3, inner=40)
    old, new = model.state_dict(), network.masked_lm.state_dict()
    shared = [name for name in new if "layer" in name]
    assert len(shared) > 30
    assert all(torch.equal(old[name], new[name]) for name in shared)
    for name in new:
        if name.endswith("position_embeddings.weight"):
            assert new[name].shape[0] == POSITIONS
            known = min(POSITIONS, len(old[name]))
            assert torch.equal(old[name][:known], new[name][:known])


def test_embeddings_are_carried_over_to_our_vocabulary(
    bert: tuple[str, Any], tokenizer: Tokenizer
) -> None:
    folder, model = bert
    network = build("tinylogbert", tokenizer, folder)

    old = model.get_input_embeddings().weight
    new = network.masked_lm.get_input_embeddings().weight
    ids = tokenizer.vocabulary()
    number = {token: index for index, token in enumerate(VOCABULARY)}
    for ours, theirs in (
        ("[MASK]", "[MASK]"),
        ("worker", "worker"),
        ("##s", "##s"),
        ("[error]", "error"),
        ("[path]", "path"),
        ("[time]", "time"),
    ):
        assert torch.equal(new[ids[ours]], old[number[theirs]]), ours
    assert network.masked_lm.get_output_embeddings().weight is new, "the embedding stays tied"


def test_training_goes_on_from_pretrained_weights(
    distilbert: tuple[str, Any], tmp_path: Path
) -> None:
    options = TrainOptions(model_type="logbert_distil", epochs=1, batch_size=8, init=distilbert[0])
    corpus = Corpus(dict.fromkeys(TEXTS, 1), len(TEXTS))
    _, _, summary = train(options, corpus, tmp_path)

    assert summary["size"]["width"] == 24
    assert summary["init"] == "distilbert", "no path of this machine in what is shipped"


def test_weights_of_another_architecture_are_refused(
    bert: tuple[str, Any], tokenizer: Tokenizer
) -> None:
    with pytest.raises(DataError, match="holds bert weights, this model type needs distilbert"):
        build("logbert_distil", tokenizer, bert[0])


@pytest.mark.parametrize("damage", ["no weights", "no config", "bad weights", "no folder"])
def test_what_cannot_be_loaded_is_refused_in_one_line(
    bert: tuple[str, Any], tokenizer: Tokenizer, damage: str, tmp_path: Path
) -> None:
    folder = Path(bert[0])
    if damage == "no weights":
        (folder / "model.safetensors").unlink()
    elif damage == "no config":
        (folder / "config.json").unlink()
    elif damage == "bad weights":
        (folder / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0garbage!")
    else:
        folder = tmp_path / "nowhere"
    with pytest.raises(DataError, match=r"--init .*: cannot load weights from this") as refusal:
        build("tinylogbert", tokenizer, str(folder))
    assert "\n" not in str(refusal.value)


def test_a_pickle_is_never_loaded(bert: tuple[str, Any], tokenizer: Tokenizer) -> None:
    folder, model = bert
    (Path(folder) / "model.safetensors").unlink()
    torch.save(model.state_dict(), Path(folder) / "pytorch_model.bin")
    with pytest.raises(DataError, match="cannot load weights"):
        build("tinylogbert", tokenizer, folder)
