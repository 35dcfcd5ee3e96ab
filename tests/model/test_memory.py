"""Freed memory goes back to the system."""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tinylogbert_daemon.model.memory import give_back


def resident_kb() -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])


def test_freed_memory_is_given_back() -> None:
    if not hasattr(ctypes.CDLL(None), "malloc_trim"):
        pytest.skip("the C library is not glibc")
    # pieces too small to be mapped by themselves, and one that lives on behind them
    pieces = [b"x" * 100_000 for _ in range(1000)]
    last = b"x" * 100_000
    full = resident_kb()
    del pieces
    give_back()
    assert resident_kb() < full - 80_000
    assert last


_THREADS = """
import sys, threading
from tinylogbert_daemon.model.memory import share_arenas
if sys.argv[1] == "shared":
    share_arenas()
held, gate = [], threading.Barrier(9)
def work():
    held.append(b"x" * 100_000)
    gate.wait()
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
gate.wait()
for thread in threads:
    thread.join()
# a thread's own arena lies at a multiple of 64 MiB
maps = [line.split("-")[0] for line in open("/proc/self/maps")]
print(sum(int(start, 16) % (64 << 20) == 0 for start in maps))
"""


def test_threads_share_their_arenas() -> None:
    if not hasattr(ctypes.CDLL(None), "mallopt"):
        pytest.skip("the C library is not glibc")
    own, shared = (
        int(
            subprocess.run(
                [sys.executable, "-c", _THREADS, how], check=True, capture_output=True
            ).stdout
        )
        for how in ("own", "shared")
    )
    assert shared < own


def test_it_does_nothing_where_that_cannot_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinylogbert_daemon.model.memory._trim", lambda: None)
    give_back()
