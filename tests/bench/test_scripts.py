"""The benchmark scripts finish, speak their one language, and what they count is right."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.timeout(180)


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


@pytest.mark.usefixtures("benchmark_data")
def test_throughput() -> None:
    found = run("throughput.py", "--quick")["hdfs"]
    assert found["lines_per_s"] > 0
    assert found.keys() >= {"mb_per_s", "cpu_s_per_million", "rss_mb", "vs_loop", "vs_wc"}


def test_five_writers_rotating_by_size_and_a_kill(model_folder: Path) -> None:
    found = run("rotation.py", "--quick", "--model", str(model_folder))
    assert found.pop("rotations") == 5 * 3
    assert found == {"written": 50_000, "scored": 50_000, "lost": 0, "doubled": 0}
