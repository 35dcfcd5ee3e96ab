"""A service that is not left running."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.service import Service


@pytest.fixture
def service(tmp_path: Path, model_folder: Path) -> Iterator[Service]:
    made = Service(tmp_path, model_folder)
    yield made
    made.kill()
