"""A scene for each test, and no descriptor left open by any."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.source.scene import Scene, open_descriptors


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    before = open_descriptors()
    scene = Scene(tmp_path)
    yield scene
    scene.stop()
    assert open_descriptors() == before
