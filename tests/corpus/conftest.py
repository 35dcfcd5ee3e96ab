"""The corpus lives beside the scripts that make it, not in the package."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def corpus_module(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Import a module of scripts/corpus afresh."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    for name in [name for name in sys.modules if name.partition(".")[0] == "corpus"]:
        monkeypatch.delitem(sys.modules, name)
    return lambda name: importlib.import_module(f"corpus.{name}")
