"""The tiny real artifact, checked and loaded once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinylogbert_daemon.model.artifact import Artifact, load


@pytest.fixture(scope="session")
def artifact(model_folder: Path) -> Artifact:
    return load(str(model_folder))
