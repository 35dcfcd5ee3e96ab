"""The training of the base model: what is done to weights beside training them."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.corpus.conftest import SCRIPTS
from tinylogbert_daemon.model.artifact import load
from tinylogbert_daemon.training.train import network_of


@pytest.fixture
def train_base(corpus_module: Callable[[str], Any]) -> Any:
    corpus_module("statements")  # puts the scripts on the path
    return importlib.import_module("train_base")


def test_the_mean_of_two_models_by_its_share(train_base: Any, model_folder: Path) -> None:
    theirs = network_of(load(str(model_folder)))
    ours = network_of(load(str(model_folder)))
    with torch.no_grad():
        for value in ours.parameters():
            value.mul_(2.0)
    found = train_base.mixed(ours, load(str(model_folder)), 0.25).state_dict()
    for name, value in theirs.named_parameters():
        assert torch.allclose(found[name], 1.75 * value, atol=1e-6), name


@pytest.mark.parametrize("option", [["--keep"], ["--steps", "0"]])
def test_what_needs_a_model_to_start_from_says_so(option: list[str], tmp_path: Path) -> None:
    parts = ["--self-made", str(tmp_path), "--statements", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, SCRIPTS / "train_base.py", *option, *parts],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr == "--keep and --steps 0: they need --init DIR\n"
