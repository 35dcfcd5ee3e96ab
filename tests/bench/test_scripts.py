"""The benchmark scripts finish, speak their one language, and what they count is right."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from peers_tailing import SCENARIOS

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


@pytest.mark.usefixtures("benchmark_data")
def test_two_checkouts_in_turn(tmp_path: Path) -> None:
    (tmp_path / "other").symlink_to(ROOT)
    found = run("versions.py", str(tmp_path / "other"), "--quick", "--set", "hdfs")["hdfs"]
    assert list(found) == [str(ROOT), str(tmp_path / "other")]
    assert found[str(ROOT)]["of_first"] == 1
    assert all(row["lines_per_s"] > 0 for row in found.values())


def test_five_writers_rotating_by_size_and_a_kill(model_folder: Path) -> None:
    found = run("rotation.py", "--quick", "--model", str(model_folder))
    assert found.pop("rotations") == 5 * 3
    assert found == {"written": 50_000, "scored": 50_000, "lost": 0, "doubled": 0}


def test_requests_beside_an_echo(model_folder: Path) -> None:
    found = run("api.py", "--quick", "--model", str(model_folder))
    assert found["client"] in {"wrk", "own"}
    for name in ("echo", "warm", "cold"):
        assert found[name]["requests_per_s"] > 0
        assert found[name]["p99_ms"] > 0
    assert found["warm"]["vs_echo"] > 0


def test_the_same_scenarios_under_other_tailers(model_folder: Path) -> None:
    """Ours is exact; others are played where they are installed, whatever they count."""
    found = run("peers_tailing.py", "--quick", "--model", str(model_folder))
    assert {name: (row["in"], row["tinylogbert"]) for name, row in found.items()} == {
        "copytruncate, grown past the old offset": (300, 300),
        "renamed while stopped": (200, 200),
    }
    assert all(count > 0 for row in found.values() for count in row.values())


def test_what_an_idle_daemon_costs_and_how_soon_an_alert_is_there(model_folder: Path) -> None:
    found = run("footprint.py", "--quick", "--model", str(model_folder))
    assert 50 < found["rss_mb"] <= found["rss_mb_loaded"]
    assert 0 <= found["idle_cpu_percent"] < 100
    assert found["ready_s"] > 0
    assert 0 < found["p50_alert_latency_ms"] <= found["p99_alert_latency_ms"]
    assert found["alerts"] > 5


def test_a_burst_of_new_shapes_loses_nothing(model_folder: Path) -> None:
    found = run("storm.py", "--quick", "--model", str(model_folder))
    assert (found["shapes"], found["texts"]) == (10_000, 300)
    assert (found["lost"], found["doubled"], found["unjudged"]) == (0, 0, 0)
    assert 0 < found["other_file_p50_ms"] <= found["other_file_max_ms"]
    assert found["judged_s"] >= found["same_file_s"] > 0


def test_time_and_memory_against_size(model_folder: Path) -> None:
    found = run("growth.py", "--quick", "--model", str(model_folder))
    sizes = {kind: [row["size"] for row in found[kind]] for kind in ("lines", "files", "shapes")}
    assert sizes == {"lines": [10_000, 100_000], "files": [1, 100], "shapes": [1000, 10_000]}
    assert found["exponents"].keys() == sizes.keys()
    assert all(row["cpu_s"] >= 0 for kind in sizes for row in found[kind])


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_is_played_under_other_tailers_is_in_the_docs(scenario: str) -> None:
    rows = (ROOT / "docs" / "reliability.md").read_text().splitlines()
    (row,) = [row for row in rows if row.split("|")[1:2] == [f" {scenario} "]]
    assert all(" of " in cell for cell in row.split("|")[4:6])


@pytest.mark.usefixtures("benchmark_data")
def test_formats_of_the_systems_are_read_rightly() -> None:
    found = run("formats.py")
    assert len(found) == 13
    for row in found.values():
        assert row["format"] and min(row["time"], row["level"], row["message"]) > 0.98
