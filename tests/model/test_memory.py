"""Freed memory goes back to the system."""

from __future__ import annotations

import ctypes
import re
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


def test_it_does_nothing_where_that_cannot_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinylogbert_daemon.model.memory._trim", lambda: None)
    give_back()
