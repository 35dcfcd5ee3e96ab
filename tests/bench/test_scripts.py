"""The benchmark scripts finish, speak their one language, and what they count is right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("TINYLOGBERT_DATA", ROOT.parent / "shared" / "data"))

pytestmark = [
    pytest.mark.skipif(
        not (DATA / "benchmark").is_dir(), reason=f"needs the benchmark data; none in {DATA}"
    ),
    pytest.mark.timeout(180),
]


def run(script: str, *arguments: str) -> Any:
    """Run a script and return the JSON object in its last line."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", ROOT / "scripts" / "bench" / script, "--json", *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=170,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_throughput() -> None:
    found = run("throughput.py", "--quick")["hdfs"]
    assert found["lines_per_s"] > 0
    assert found.keys() >= {"mb_per_s", "cpu_s_per_million", "rss_mb", "vs_loop", "vs_wc"}


def test_every_line_once_over_rotations_and_a_restart() -> None:
    found = run("rotation.py", "--quick", "--every", "10000")
    assert found == {"written": 60_000, "scored": 60_000, "lost": 0, "doubled": 0, "rotations": 6}
