"""What a running daemon says of its sources: formats, and how much there was of late."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.daemon.inprocess import Running
from tests.pipeline.parts import NOW, iso
from tinylogbert_daemon.cli.status import describe
from tinylogbert_daemon.clock import ManualClock

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


def test_what_came_before_the_page_was_opened_is_known(tmp_path: Path, model_folder: Path) -> None:
    """Rates minute by minute, and the curve of an incident, which a restart does not lose."""
    clock = ManualClock(NOW)
    running = Running(tmp_path, model_folder)
    running.write("a.log", "INFO all is well")
    found: dict[str, Any] = {}

    async def lines(expected: int) -> None:
        async def read() -> object:
            found["rates"] = await running.ask("/api/rates")
            (app,) = found["rates"]["sources"]
            return sum(app["lines"]) == expected

        await running.until(read)

    async def write(seconds: float, count: int) -> None:
        clock.advance(seconds)
        running.write("a.log", *[f"{iso(clock.now())} ERROR disk sda1 is on fire"] * count)

    async def body() -> None:
        await write(5, 2)
        await lines(2)
        await write(60, 3)
        await lines(5)
        await write(65, 1)
        await lines(6)
        found["incident"] = (await running.ask("/api/incidents"))["incidents"][0]

    running.run(body, clock)
    rates = found["rates"]
    assert (rates["seconds"], rates["running_seconds"]) == (60.0, 10.0)
    (app,) = rates["sources"]
    # what was read back is in the records, and no line
    assert app == {"name": "app", "lines": [2, 3, 1], "records": [3, 3, 1], "anomalies": [2, 3, 1]}
    curve = found["incident"]["curve"]
    assert curve["seconds"] == 8.0
    assert {place: count for place, count in enumerate(curve["counts"]) if count} == {
        0: 2,
        7: 3,
        15: 1,
    }

    async def again() -> None:
        await write(0, 4)
        await lines(4)
        found["later"] = (await running.ask("/api/incidents"))["incidents"][0]

    running.run(again, clock)
    assert found["later"]["id"] == found["incident"]["id"]
    assert found["later"]["curve"] == {"seconds": 8.0, "counts": [*curve["counts"][:-1], 5]}
    # rates are those of this run
    assert found["rates"]["sources"][0]["lines"] == [4]
