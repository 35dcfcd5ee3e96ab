"""The curl lines of README and docs/api.md, as they stand there, against a real daemon."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

from tests.daemon.service import ROOT, Service, until

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed"),
]

BOOM = "2026-06-12T10:00:00Z ERROR [worker-1] broker: cannot reach queue at 10.1.1.7:5672"
_ENDLESS = "/api/incidents/stream"
# what answers in another form than one JSON object
_OTHER = ("read_lines", "/export", "/docs", "/metrics", "127.0.0.1:5000/\n", _ENDLESS)


def lines(page: str) -> list[str]:
    """Return the shell lines of a page that call curl or set a variable for those that do."""
    text = (ROOT / page).read_text().replace("\\\n", " ")
    return re.findall(r"^[$#] ((?:curl|[A-Z]+=\$\().+)$", text, re.MULTILINE)


def test_the_curl_lines_are_answered(service: Service) -> None:
    service.configure(decision={"learning_hours": 0, "threshold": 0.0})
    service.start()
    service.write("new.log", BOOM)
    until(lambda: len(service.alerts()) == 1, "an incident")
    url = service.events("running")[-1]["http"].removeprefix("http://")
    readme, api = lines("README.md"), lines("docs/api.md")
    assert len(readme) >= 3
    assert len(api) >= 20
    preamble = ["set -o pipefail"]
    for line in (*readme, *api):
        given = line.replace("127.0.0.1:5000", url).replace(
            "/var/lib/tinylogbert", str(service.state)
        )
        if not given.startswith("curl"):
            preamble.append(given)
            continue
        if _ENDLESS in given:
            given = f"timeout 3 {given}"
        script = "; ".join([*preamble, given.replace("curl -s", "curl -sf")])
        done = subprocess.run(
            ["bash", "-c", script], capture_output=True, text=True, check=False, timeout=60
        )
        wanted = 124 if _ENDLESS in given else 0
        assert (done.returncode, bool(done.stdout)) == (wanted, True), f"{given}\n{done.stderr}"
        if not any(part in f"{line}\n" for part in _OTHER):
            assert isinstance(json.loads(done.stdout), dict), given
    paths = json.loads(service.get("/openapi.json"))["paths"]
    said = (ROOT / "docs" / "api.md").read_text()
    assert len(paths) >= 15
    for path, methods in paths.items():
        for method in methods:
            assert f"`{method.upper()} {path}`" in said, (method, path)
