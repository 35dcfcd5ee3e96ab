"""What a running daemon says of its sources: formats, and how much there was of late."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.daemon.inprocess import Running
from tinylogbert_daemon.cli.status import describe

pytestmark = pytest.mark.timeout(60)

JAVA = "2026-06-12 10:00:00,123 - INFO  [main:Server@10] - started"


def test_the_format_of_each_source_is_told(tmp_path: Path, model_folder: Path) -> None:
    running = Running(tmp_path, model_folder)
    folder = running.logs
    running.content["sources"] = [
        {"name": "app", "paths": [f"{folder}/app*.log"]},
        {"name": "set", "paths": [f"{folder}/set*.log"], "format": "json"},
        {"name": "none", "paths": [f"{folder}/none*"]},
    ]
    running.write("app-1.log", *[JAVA] * 5)
    running.write("app-2.log", *[JAVA] * 5)
    running.write(b"app-\xe9.log", *["no header at all"] * 5)
    running.write("app-3.log")
    running.write("set.log", "no JSON")
    found: dict[str, Any] = {}

    async def committed() -> object:
        found["status"] = await running.ask("/api/status")
        records = [source["records"] for source in found["status"]["sources"].values()]
        return sum(records) == 16

    async def body() -> None:
        await running.until(committed)
        found["sources"] = (await running.ask("/api/sources"))["sources"]

    running.run(body)
    recognised, configured = ({"how": how, "files": 0} for how in ("recognised", "configured"))
    assert [(one["name"], one["formats"]) for one in found["sources"]] == [
        (
            "app",
            [
                {"name": "java", **recognised, "files": 2},
                {"name": None, "how": "none", "files": 1},
                {"name": None, "how": "unread", "files": 1},
            ],
        ),
        ("set", [{"name": "json", **configured, "files": 1}]),
        ("none", []),
    ]
    lines = describe(found["status"]).splitlines()
    told = {line.rpartition("/")[2] for line in lines if line.startswith("file ")}
    # what is read back counts no lines
    assert told == {
        "app-1.log: 0 lines, java",
        "app-2.log: 0 lines, java",
        r"app-\udce9.log: 0 lines, no format recognised",
        "app-3.log: 0 lines",
        "set.log: 0 lines, json as configured",
    }
