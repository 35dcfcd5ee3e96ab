"""Real logs through ``batch``: as many results as lines, in bounded memory."""

from __future__ import annotations

import io
import lzma
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import pytest

DATA = Path(
    os.environ.get("TINYLOGBERT_DATA", Path(__file__).resolve().parents[3] / "shared" / "data")
)
needs_data = pytest.mark.skipif(
    not (DATA / "benchmark").is_dir(), reason=f"needs the benchmark data; none in {DATA}"
)
LARGEST_MB = 1500  # with a CUDA build of torch, whose libraries alone take half of it
# A child's peak begins with that of the process that forks it, here with what pytest holds:
# so a small process starts the command, and writes its peak in KiB as the last line of stderr.
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
"""


def batch(path: Path) -> int:
    """Return the number of results for the log ``path`` with the base model."""
    command = [sys.executable, "-W", "ignore", "-m", "tinylogbert_daemon", "batch", str(path)]
    with tempfile.TemporaryFile() as out:
        child = subprocess.run(
            [sys.executable, "-S", "-c", PEAK, *command],
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
        )
        out.seek(0)
        results = sum(block.count(b"\n") for block in iter(lambda: out.read(1 << 20), b""))
    assert int(child.stderr.splitlines()[-1]) / 1024 < LARGEST_MB
    return results


@needs_data
@pytest.mark.timeout(180)
def test_hdfs_has_a_result_for_each_line() -> None:
    assert batch(DATA / "benchmark" / "hdfs-2pct.log.xz") == 222_579


@needs_data
@pytest.mark.timeout(180)
def test_thirteen_systems_have_a_result_for_each_line(tmp_path: Path) -> None:
    archive = io.BytesIO(lzma.decompress((DATA / "logs" / "loghub-2k.tar.xz").read_bytes()))
    with tarfile.open(fileobj=archive) as systems:
        logs = [member for member in systems.getmembers() if member.name.endswith("_2k.log")]
        contents = [systems.extractfile(member) for member in logs]
        joined = b"".join(
            content if content.endswith(b"\n") else content + b"\n"
            for content in (file.read() for file in contents if file is not None)
        )
    path = tmp_path / "systems.log"
    path.write_bytes(joined)
    assert len(logs) == 13
    assert batch(path) == joined.count(b"\n")
