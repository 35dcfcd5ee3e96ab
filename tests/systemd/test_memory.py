"""At the unit's limits of memory, held by the kernel: systemd's own are not in a container.

A control group of version 1 stands in for MemoryMax, since a nested systemd sets no limits there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from signal import SIGKILL

import pytest

from tests.daemon.service import Service, until
from tests.systemd.machine import ROOT
from tinylogbert_daemon.model.artifact import base_folder
from tinylogbert_daemon.model.verdicts import KEY_BYTES

HIERARCHY = Path("/sys/fs/cgroup/memory")
LINES = 8_000
_MIB = 1 << 20


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group for one daemon."""
    path = HIERARCHY / f"tinylogbert-{os.getpid()}"
    try:
        path.mkdir()
    except OSError as error:
        pytest.skip(f"no writable memory control group of version 1: {error.strerror}")
    yield path
    path.rmdir()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path, base_folder())
    yield made
    made.kill()


def limit(name: str) -> int:
    """Return a limit of the unit in bytes."""
    unit = (ROOT / "systemd" / "tinylogbert.service").read_text()
    found = re.search(rf"^{name}=(\d+)([MG])$", unit, re.MULTILINE)
    assert found is not None
    return int(found[1]) * _MIB * (1024 if found[2] == "G" else 1)


def costly_lines() -> list[str]:
    """Return lines that all take the cache's longest keys, and texts that the model has to see."""
    random = Random(7)
    words = [f"{a}{b}ing" for a in "bcdfgklmnprst" for b in "aeiou"]
    lines = []
    for number in range(LINES):
        numbers = " ".join("1" * random.randrange(1, 19) for _ in range(500))[: KEY_BYTES - 60]
        word = words[number % len(words)] if number % 100 == 0 else "same"
        lines.append(f"app: {word} list of {numbers}")
    return lines


def test_hostile_lines_stay_below_what_the_unit_allows(service: Service, group: Path) -> None:
    (group / "memory.limit_in_bytes").write_text(str(limit("MemoryMax")))
    join = f"echo $$ > {group}/cgroup.procs"
    service.start(wrapper=("sh", "-c", f'{join} && exec "$@"', "sh"))
    path = str(service.write("app.log", *costly_lines(), "x" * (20 * _MIB)))
    until(lambda: service.committed().get(path) == LINES + 1, "all lines")
    assert service.process is not None
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    peak = int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024
    # each line was a shape of its own in the cache; at MemoryHigh it would begin to be slowed down
    assert f"tinylogbert_shape_cache_misses_total {LINES + 1}.0" in service.get("/metrics")
    assert peak < limit("MemoryHigh")
    assert "oom_kill 0" in (group / "memory.oom_control").read_text()
    assert service.stop() == 0


def test_at_the_limit_the_kernel_ends_it_and_the_next_run_goes_on(
    service: Service, group: Path
) -> None:
    service.start()
    assert service.process is not None
    path = str(service.write("app.log", "a line"))
    until(lambda: service.committed().get(path) == 1, "the first line")
    # only what it takes from now on counts
    (group / "memory.limit_in_bytes").write_text(str(4 * _MIB))
    (group / "cgroup.procs").write_text(str(service.process.pid))
    service.write("app.log", *costly_lines())
    until(service.ended, "the end")
    assert service.process.wait() == -SIGKILL
    assert "oom_kill 1" in (group / "memory.oom_control").read_text()
    service.start()
    until(lambda: service.committed().get(path, 0) >= LINES + 1, "all lines")
    assert service.stop() == 0
    assert service.status()["files"] == {path: LINES + 1}
    assert service.status()["sources"]["app"]["records"] == LINES + 1
