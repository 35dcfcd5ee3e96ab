"""The tiny real artifact, checked and loaded once; a log that no other test has set up."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog

from tinylogbert_daemon.model.artifact import Artifact, load


@pytest.fixture(autouse=True)
def _default_log() -> None:
    # another test's may go to a stream that is closed by now
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def artifact(model_folder: Path) -> Artifact:
    return load(str(model_folder))
