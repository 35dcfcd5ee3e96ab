"""The soak benchmark: nothing is lost and nothing grows under load."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import soak

from tests.bench.conftest import ROOT
from tests.state.effects import block_effects
from tinylogbert_daemon.state import Store

pytestmark = pytest.mark.timeout(180)


def test_an_alert_that_is_not_in_the_file_is_undelivered(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for block in range(3):
        store.commit(block_effects(block))
    ids = [one.id for one in store.incidents()]
    store.close()
    sink = soak.Sink(tmp_path / "out", 0.0)
    sink.path.write_text("".join(json.dumps({"id": one}) + "\n" for one in ids[:2]))
    assert soak.undelivered(tmp_path, sink.path) == 1
    sink.turn()
    assert not sink.path.exists()
    sink.turn()
    assert (sink.path.exists(), sink.flaps) == (True, 1)


def test_load_with_rotations_a_restart_and_a_flapping_sink(model_folder: Path) -> None:
    script = ROOT / "scripts" / "bench" / "soak.py"
    done = subprocess.run(
        [sys.executable, script, "--quick", "--json", "--rate", "5000", "--model", model_folder],
        check=True,
        capture_output=True,
        text=True,
        timeout=170,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["lines"] > 50_000
    assert (found["lost"], found["doubled"], found["undelivered"]) == (0, 0, 0), done.stderr
    assert (found["restarts"], found["flaps"] > 0) == (1, True)
    assert found["fds_last"] <= found["fds_first"] + 8
    assert found["threads_last"] <= found["threads_first"] + 4
    assert found["rss_mb_last"] < found["rss_mb_first"] * 1.25
