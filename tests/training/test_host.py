"""Training on a host: what is learned from, for how long, and at what share of a processor."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import log_lines
from tinylogbert_daemon.errors import DataError
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.scorer import text_key
from tinylogbert_daemon.model.shape import shapes
from tinylogbert_daemon.state import Effects, Store
from tinylogbert_daemon.training.corpus import collect
from tinylogbert_daemon.training.host import HOST_STEPS, collect_state, host_epochs


def test_the_state_gives_the_texts_that_the_files_give(tmp_path: Path) -> None:
    lines = log_lines(200)
    log = tmp_path / "app.log"
    log.write_text("".join(f"{line}\n" for line in lines))
    expected = collect([str(log)])
    store = Store(tmp_path / "state")
    counts = {}
    for shape in shapes(log.read_bytes()):
        text = normalize(shape)
        counts[text_key(text)] = (float(expected.counts[text]), 100.0, shape)
    store.commit(
        Effects(counts=counts, records=Counter({"app": 200}), log_times={"app": 100.0}, blocks=1)
    )
    store.close()
    found = collect_state(tmp_path / "state")
    assert found.counts == expected.counts
    assert found.records == expected.records
    assert list(found.counts.values()) == sorted(expected.counts.values(), reverse=True)


def test_too_little_is_one_clear_line(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with pytest.raises(DataError, match="has seen 0 texts so far"):
        collect_state(tmp_path)


@pytest.mark.parametrize("texts", [1, 100, 9_000, 30_000])
def test_the_steps_of_a_host_are_bounded(texts: int) -> None:
    epochs = host_epochs(texts, 32)
    assert 1 <= epochs <= 10
    assert epochs == 1 or epochs * texts / 32 <= HOST_STEPS


def test_the_share_of_a_processor_is_kept() -> None:
    program = """
import time
from tinylogbert_daemon.training.host import paced
with paced(0.25):
    used, began = time.process_time(), time.monotonic()
    while time.process_time() - used < 0.5:
        sum(range(1000))
    print((time.process_time() - used) / (time.monotonic() - began))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert float(done.stdout) < 0.32
