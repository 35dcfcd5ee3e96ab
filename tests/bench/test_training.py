"""The benchmark of training: its steps are real ones, and every part of them is timed."""

from __future__ import annotations

import pytest
import torch
import training

from tests.conftest import log_lines
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.shape import shapes
from tinylogbert_daemon.training.networks import MODEL_TYPES
from tinylogbert_daemon.training.size import Size

TEXTS = sorted({normalize(shape) for shape in shapes("\n".join(log_lines(60)).encode())})


@pytest.mark.parametrize("model_type", MODEL_TYPES)
@pytest.mark.parametrize("bfloat16", [False, True])
def test_a_timed_step_teaches(model_type: str, bfloat16: bool) -> None:
    torch.manual_seed(0)
    size = Size(width=32, layers=2, heads=2, inner=64)
    step = training.Step(model_type, TEXTS, torch.device("cpu"), size)
    first = step.take(8, bfloat16)
    before = step.loss
    for _ in range(60):
        spent = step.take(8, bfloat16)

    assert first.keys() == spent.keys() == set(training.PARTS)
    assert min(spent.values()) > 0
    assert step.loss < before
