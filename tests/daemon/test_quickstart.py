"""The commands of docs/quickstart.md, as they stand there, give the outputs that stand there.

What differs from run to run (times, ids, scores, names of folder and user) may differ. Left out is
what needs a Prometheus or an Alertmanager, which have tests of their own.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.service import ROOT, TIMEOUT_SECONDS

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed"),
]

PAGE = (ROOT / "docs" / "quickstart.md").read_text()
FOLDER = "/home/anna/tinylogbert-try"
ID = next(re.finditer(r"\b[0-9a-f]{20}\b", PAGE))[0]
_ELSEWHERE = (
    "scripts/run",
    ". .venv",
    "mkdir",
    "prometheus",
    "amtool",
    "tinylogbert alerts",
    "rm ",
)
# to be tried until they say what the page says; all others change something, and are run once
_ASKING = ("tinylogbert incidents", "tinylogbert status", "curl", "cat state/")
# what differs, each as what it looks like on the page and in an output
_VARYING = (
    (r"[0-9a-f]{20}", r"[0-9a-f]{20}"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\dZ", r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\dZ"),
    (r"\b0\.\d\d\b", r"0\.\d\d"),
    (r"least expected: .*", r"least expected: [^\n]*"),
    (r"\banna:", r"[^:]*:"),
    (r"…", r".*"),
)


def steps() -> Iterator[tuple[str, str]]:
    """Yield each command with the output that the page shows."""
    for block in re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            end = 1
            lines = part.splitlines()
            if "<<END" in lines[0]:
                end = lines.index("END") + 1
            elif lines[0].startswith("for "):
                end = next(n for n, line in enumerate(lines, 1) if line.startswith("  done"))
            yield "\n".join(lines[:end]), "\n".join(lines[end:])


def pattern(expected: str, folder: Path) -> re.Pattern[str]:
    """Return what an output must match in full."""
    varying = re.compile("|".join(f"({page})" for page, _ in _VARYING))
    found, end = "", 0
    expected = expected.replace(FOLDER, str(folder))
    for hit in varying.finditer(expected):
        assert hit.lastindex is not None
        found += re.escape(expected[end : hit.start()]) + _VARYING[hit.lastindex - 1][1]
        end = hit.end()
    return re.compile(found + re.escape(expected[end:]), re.DOTALL)


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """The environment of a user who has the command, and a port that is free."""
    command = tmp_path / "bin" / "tinylogbert"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m tinylogbert_daemon "$@"\n')
    command.chmod(0o755)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("TINYLOGBERT")},
        "PATH": f"{command.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "TINYLOGBERT_CONFIG": str(tmp_path / "tinylogbert.yaml"),
        "TINYLOGBERT_HTTP__PORT": str(port),
        # none that may run on this machine
        "TINYLOGBERT_SINKS__ALERTMANAGER__URLS": '["http://127.0.0.1:9"]',
    }


def test_the_commands_say_what_the_page_says(tmp_path: Path, shell: dict[str, str]) -> None:
    running: subprocess.Popen[bytes] | None = None
    incident = ID
    done = 0
    try:
        for command, expected in steps():
            if command.startswith((*_ELSEWHERE, "kill")) or "9090" in command:
                continue
            if command.startswith("tinylogbert run"):
                running = subprocess.Popen(
                    ["bash", "-c", f"exec {command.removesuffix(' &')}"], env=shell, cwd=tmp_path
                )
                continue
            given = command.replace(
                "127.0.0.1:5000", f"127.0.0.1:{shell['TINYLOGBERT_HTTP__PORT']}"
            )
            wanted = pattern(expected.replace("127.0.0.1:9093", "127.0.0.1:9"), tmp_path)
            end = time.monotonic() + TIMEOUT_SECONDS
            while True:
                said = subprocess.run(
                    ["bash", "-c", given.replace(ID, incident)],
                    capture_output=True,
                    text=True,
                    check=False,
                    env=shell,
                    cwd=tmp_path,
                    timeout=60,
                )
                output = said.stdout.strip("\n")
                if wanted.fullmatch(output) or (not expected and said.returncode == 0):
                    break
                asking = command.startswith(_ASKING) and time.monotonic() < end
                assert asking, f"$ {command}\n{output}{said.stderr}\ndoes not match\n{expected}"
                time.sleep(0.1)
            if command == "tinylogbert incidents" and incident == ID:
                incident = output.split()[0]
            done += 1
    finally:
        if running is not None:
            running.terminate()
            running.wait(TIMEOUT_SECONDS)
    assert done >= 14
