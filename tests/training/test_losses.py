"""What training computes only in part equals the whole: losses and gradients, for both models."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from tests.conftest import log_lines
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.shape import shapes
from tinylogbert_daemon.training.batches import Examples
from tinylogbert_daemon.training.networks import MODEL_TYPES, build
from tinylogbert_daemon.training.size import Size
from tinylogbert_daemon.training.train import losses
from tinylogbert_daemon.training.vocabulary import train_tokenizer

TEXTS = sorted({normalize(shape) for shape in shapes("\n".join(log_lines(60)).encode())})


@pytest.mark.parametrize("model_type", MODEL_TYPES)
def test_losses_and_gradients_are_those_of_the_whole_encoder(model_type: str) -> None:
    torch.manual_seed(0)
    tokenizer = train_tokenizer(TEXTS)
    network = build(model_type, tokenizer, size=Size(width=32, layers=3, heads=2, inner=64))
    batch = Examples(tokenizer, TEXTS, [1.0] * len(TEXTS), 0).batch(3, 12)
    assert not bool(batch.mask.all()), "some rows are padded"

    masked, severity = losses(network, batch)
    (masked + severity).backward()  # type: ignore[no-untyped-call]
    found = {name: part.grad for name, part in network.named_parameters()}
    network.zero_grad(set_to_none=True)

    hidden, _ = network.encode(batch.masked, batch.mask)
    _, lower = network.encode(batch.severity_ids, batch.severity_mask)
    logits = network.project(hidden)[batch.chosen]
    whole = F.cross_entropy(logits, batch.ids[batch.chosen])
    trouble = F.binary_cross_entropy_with_logits(
        network.severity(lower, batch.severity_mask), batch.target
    )
    (whole + trouble).backward()  # type: ignore[no-untyped-call]

    assert masked.item() == pytest.approx(whole.item(), abs=1e-5)
    assert severity.item() == pytest.approx(trouble.item(), abs=1e-5)
    for name, part in network.named_parameters():
        expected, actual = part.grad, found[name]
        assert (expected is None) == (actual is None), name
        if expected is not None and actual is not None:
            assert torch.allclose(expected, actual, atol=1e-5), name
