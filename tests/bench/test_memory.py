"""The memory benchmark: shapes without end and no sink, and the daemon stays within bounds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import memory
import pytest

from tests.bench.conftest import ROOT
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.shape import shapes

pytestmark = pytest.mark.timeout(180)


def test_every_line_is_a_shape_of_its_own_and_the_texts_are_few() -> None:
    found = set(shapes(b"".join(memory.lines(60_000, 30))))
    assert len(found) == 60_000
    assert len({normalize(shape) for shape in found}) == 30
    with pytest.raises(ValueError, match="2 texts have only 41472 shapes"):
        list(memory.lines(60_000, 2))


def test_new_shapes_and_a_sink_that_is_down_stay_within_bounds(model_folder: Path) -> None:
    script = ROOT / "scripts" / "bench" / "memory.py"
    done = subprocess.run(
        [sys.executable, script, "--quick", "--json", "--model", model_folder],
        check=True,
        capture_output=True,
        text=True,
        timeout=170,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["shapes"], found["texts"]) == (20_000, 500)
    assert (found["lost"], found["doubled"]) == (0, 0)
    assert found["within"], found
    # more were owed than the spool takes; what it held was delivered once the sink was back
    assert found["owed"] == memory.SPOOL
    assert found["delivered"] >= memory.SPOOL
