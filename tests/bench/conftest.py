"""The benchmarks' own modules can be imported, as the scripts import them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("TINYLOGBERT_DATA", ROOT.parent / "shared" / "data"))

sys.path.insert(0, str(ROOT / "scripts" / "bench"))


@pytest.fixture
def benchmark_data() -> Path:
    """The folder with the benchmark data; skips where it is not."""
    if not (DATA / "benchmark").is_dir():
        pytest.skip(f"needs the benchmark data; none in {DATA}")
    return DATA
