"""The budget benchmark counts the incidents that the daemon's own processor opens."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import budget
import pytest
from quality_detector import Model
from quality_host import NOMINAL_LINES_A_DAY, log_times

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.timeout(180)

START = datetime(2025, 6, 12, tzinfo=UTC)


def dated(lines: list[str], minutes: float) -> list[bytes]:
    """Return lines written ``minutes`` apart."""
    return [
        f"{(START + timedelta(minutes=minutes * i)).isoformat()} {line}".encode()
        for i, line in enumerate(lines)
    ]


def test_a_calm_log_opens_no_incident_and_learns_a_day(model_folder: Path) -> None:
    calm = dated(["INFO [worker-1] search: processed 17 pages jobs in 4 ms"] * 2000, 2)
    found = budget.measure(calm, Model(str(model_folder)))
    assert found["lines"] == 2000
    assert found["days"] == pytest.approx(2.78, abs=0.01)
    assert found["learning_hours"] == 24
    assert (found["incidents"], found["per_day"], found["within"]) == (0, 0.0, True)


def test_a_log_of_ever_new_trouble_is_held_to_the_budget(model_folder: Path) -> None:
    calm = ["INFO [worker-1] search: processed 17 pages jobs in 4 ms"] * 1000
    words = ("disk", "net", "fan", "cpu", "psu", "lock", "page", "link", "port", "host")
    trouble = [f"ERROR {a} {b} {c}: cannot reach" for a in words for b in words for c in words]
    found = budget.measure(dated(calm + trouble, 1.5), Model(str(model_folder)))
    # a thousand new texts of error in a day: the bar rises until what passes is within twice
    assert 0 < found["per_day"] <= 2 * found["budget"]
    assert found["within"]


def test_a_short_log_learns_half_of_its_time(model_folder: Path) -> None:
    found = budget.measure(dated(["INFO ready"] * 100, 6), Model(str(model_folder)))
    assert found["learning_hours"] == pytest.approx(4.95)


def test_a_log_without_times_goes_at_a_nominal_rate() -> None:
    times = log_times([b"ready"] * (NOMINAL_LINES_A_DAY + 1))
    assert times[-1] - times[0] == pytest.approx(86_400)


def test_time_does_not_run_backwards() -> None:
    times = log_times([*dated(["later"] * 2, 1)[::-1], b"no time"])
    assert times == [times[0]] * 3


@pytest.mark.usefixtures("benchmark_data")
def test_quick(model_folder: Path) -> None:
    script = ROOT / "scripts" / "bench" / "budget.py"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", script, "--quick", "--json", "--model", model_folder],
        check=True,
        capture_output=True,
        text=True,
        timeout=110,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found.keys() == {"Apache", "OpenSSH", "HPC"}
    assert all(row["lines"] == 2000 and "within" in row for row in found.values())
