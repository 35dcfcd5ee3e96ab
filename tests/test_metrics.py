"""Every declared metric is fed by the code that runs, under the name that DESIGN.md gives it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import structlog
from prometheus_client import CollectorRegistry

from tests.pipeline.parts import until
from tinylogbert_daemon.clock import SystemClock
from tinylogbert_daemon.config import Config, parse
from tinylogbert_daemon.daemon import Daemon
from tinylogbert_daemon.metrics import PATHS, Metrics
from tinylogbert_daemon.model.scorer import Scorer, Verdict
from tinylogbert_daemon.pipeline import run as pipeline_module
from tinylogbert_daemon.pipeline.run import Pipeline
from tinylogbert_daemon.sinks import delivery as delivery_module
from tinylogbert_daemon.source import discover
from tinylogbert_daemon.state import Store

# Each declared metric, and the label values (in the order of the labels) that the scene below
# must bring above zero; PATH stands for the path of the log.
FED: dict[str, list[tuple[str, ...]]] = {
    "read_lines_total": [("PATH",)],
    "read_bytes_total": [("PATH",)],
    "records_total": [("app",)],
    "file_bytes": [("PATH",)],
    "source_lag_bytes": [("app",)],
    "files_active": [()],
    "files_unreadable": [()],
    "files_rotated_total": [()],
    "file_truncates_total": [()],
    "lines_dropped_total": [("own",), ("unscorable",)],
    "lines_truncated_total": [("record",), ("text",)],
    "shape_cache_hits_total": [()],
    "shape_cache_misses_total": [()],
    "inference_duration_seconds": [()],
    "anomalies_total": [("app",)],
    "incidents_opened_total": [("app",)],
    "alerts_sent_total": [("jsonl",), ("log",)],
    # "source-budget" needs two sources: tests/decide/test_budget.py
    "alerts_suppressed_total": [("open",), ("budget",), ("storm",)],
    "alerts_failed_total": [("jsonl",)],
    "deliveries_pending": [("jsonl",)],
    "model_trained_timestamp_seconds": [()],
    "build_info": [("VERSION", "PYTHON")],
    "model_info": [("MODEL", "tinylogbert")],
}
# fed by what this scene does not have: journal, feedback, models, training; by which test
FED_ELSEWHERE = {
    "source_lag_seconds": "daemon/test_journal.py",
    "feedback_total": "pipeline/test_feedback.py",
    "model_swaps_total": "daemon/test_learning.py",
    "retrains_total": "daemon/test_learning.py",
    "alerts_dead_total": "sinks/test_delivery.py",
    "deliveries_dead": "sinks/test_delivery.py",
    "verdicts_owed": "daemon/test_storm.py",
    "verdicts_deferred_total": "daemon/test_storm.py",
}
# DESIGN.md has these names; cuts of records and texts it wants counted, without naming them
UNNAMED = {"lines_truncated_total"}


def declared() -> set[str]:
    return {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in Metrics(CollectorRegistry()).registry.collect()
    }


def test_every_declared_metric_is_in_the_table() -> None:
    table = FED.keys() | FED_ELSEWHERE.keys()
    assert {name.removeprefix("tinylogbert_") for name in declared()} == table
    for name, test in FED_ELSEWHERE.items():
        text = (Path(__file__).parent / test).read_text()
        assert re.search(f'["\']tinylogbert_{name}["{{]', text), name
    assert all(name.startswith("tinylogbert_") for name in declared())


def test_the_names_are_those_of_the_design() -> None:
    design = Path(__file__).parents[2] / "shared" / "DESIGN.md"
    if not design.exists():
        pytest.skip("DESIGN.md is not at hand")
    text = design.read_text().replace("`_misses_total", "`shape_cache_misses_total")
    for name in set(FED) - UNNAMED:
        assert f"`{name}" in text, name


Samples = dict[tuple[str, ...], float]


class Scene:
    """A pipeline as the daemon makes it, and the highest value that each sample ever had."""

    def __init__(self, directory: Path, model: Path) -> None:
        self.logs = directory / "logs"
        self.logs.mkdir()
        self.log = self.logs / "a.log"
        self.alerts = directory / "alerts" / "alerts.jsonl"
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.highest: Samples = {}
        self.config: Config = parse(
            json.dumps(
                {
                    "sources": [{"name": "app", "paths": [f"{self.logs}/*.log"]}],
                    "state_dir": str(directory / "state"),
                    "model": {"path": str(model)},
                    "tail": {
                        **{"poll_seconds": 0.02, "scan_seconds": 0.05, "rotate_seconds": 0.1},
                        **{"block_kib": 64, "record_kib": 1},
                    },
                    "decision": {"threshold": 0.0, "burst": 1},
                    "sinks": {"jsonl": {"path": str(self.alerts)}},
                }
            ),
            "test",
        )
        daemon = Daemon(self.config, lambda: self.config)
        scorer = daemon._load(self.config)
        daemon._use(scorer)
        self.metrics = daemon._metrics
        self.store = Store(self.config.state_path)
        self.scorer_thread = ThreadPoolExecutor(1)
        self.pipeline = Pipeline(
            self.config,
            scorer=self.gated(scorer),
            scorer_executor=self.scorer_thread,
            store=self.store,
            clock=SystemClock(),
            metrics=self.metrics,
            from_beginning=["app"],
        )

    def gated(self, scorer: Scorer) -> Scorer:
        """Make ``scorer`` wait for the gate and fail on one text."""
        score = scorer.score

        def gated(texts: Sequence[str]) -> list[Verdict]:
            self.entered.set()
            assert self.gate.wait(20)
            if any("unscorable" in text for text in texts):
                raise RuntimeError("as torch says it")
            return score(texts)

        scorer.score = gated  # type: ignore[method-assign]
        return scorer

    def write(self, *lines: str) -> None:
        with self.log.open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    def has(self, name: str, *labels: str) -> bool:
        """Look at all samples now; return whether one has ever been above zero."""
        self.pipeline._tailing.measure()
        for family in self.metrics.registry.collect():
            for sample in family.samples:
                key = (sample.name, *sample.labels.values())
                if sample.value > 0:
                    self.highest[key] = max(self.highest.get(key, 0.0), sample.value)
        return self.highest.get((f"tinylogbert_{name}", *labels), 0.0) > 0

    async def play(self) -> None:
        own = '{"logger": "tinylogbert", "event": "x"}'
        self.write(*["a line of a block that waits"] * 20_000)
        await until(self.entered.is_set)
        await until(lambda: self.has("source_lag_bytes", "app"))
        self.gate.set()
        self.write("a 1", "a 2", own, "unscorable", "word other " * 200, "y" * 500_000)
        await until(lambda: self.has("lines_truncated_total", "record"))
        await until(lambda: self.has("alerts_suppressed_total", "open"))
        self.write(*["one", "two", "three", "four", "five", "six", "seven", "eight"])
        await until(lambda: self.has("alerts_suppressed_total", "storm"))
        await until(lambda: self.has("deliveries_pending", "jsonl"))
        await until(lambda: self.has("alerts_failed_total", "jsonl"))
        self.alerts.parent.mkdir()
        await until(lambda: self.has("alerts_sent_total", "jsonl"))
        self.log.rename(self.logs / "a.log.1")
        self.write("b")
        await until(lambda: self.has("files_rotated_total"))
        await until(lambda: self.log.stat().st_size == 2)
        os.truncate(self.log, 0)
        await until(lambda: self.has("file_truncates_total"))
        (self.logs / "secret.log").write_text("x\n")
        await until(lambda: self.has("files_unreadable"))

    def run(self) -> None:
        async def live() -> None:
            stop = asyncio.Event()
            async with asyncio.timeout(60), asyncio.TaskGroup() as group:
                group.create_task(self.pipeline.run(stop))
                await self.play()
                stop.set()

        asyncio.run(live())
        self.has("")
        self.scorer_thread.shutdown()
        self.store.close()


@pytest.fixture(scope="module")
def played(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    look = discover._content_refusal

    def refused(path: str, *asked: Any) -> str | None:
        if path.endswith("secret.log"):  # root may read everything, so no file's mode will do
            raise PermissionError
        return look(path, *asked)

    structlog.reset_defaults()  # another test's log may go to a stream that is closed by now
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(discover, "_content_refusal", refused)
        patch.setattr(delivery_module, "FIRST_DELAY_SECONDS", 0.01)
        patch.setattr(pipeline_module, "MEASURE_SECONDS", 0.02)
        scene = Scene(tmp_path_factory.mktemp("metrics"), model_folder)
        scene.run()
    return scene


@pytest.mark.parametrize("name", FED)
def test_each_metric_is_fed(played: Scene, name: str) -> None:
    import platform

    from tinylogbert_daemon import __version__

    meant = {
        "PATH": str(played.log),
        "VERSION": __version__,
        "PYTHON": platform.python_version(),
        "MODEL": played.pipeline._processor._artifact.name,
    }
    sample = f"{name}_count" if name == "inference_duration_seconds" else name
    for labels in FED[name]:
        found = (f"tinylogbert_{sample}", *(meant.get(label, label) for label in labels))
        assert played.highest.get(found, 0.0) > 0, found
    # and no label value comes up that the table does not know
    values = {key[1:] for key in played.highest if key[0] == f"tinylogbert_{sample}"}
    known = {tuple(meant.get(label, label) for label in labels) for labels in FED[name]}
    assert values - known <= {("log",)}, "a label value that the table does not name"


def test_labels_of_paths_are_bounded_and_harmless() -> None:
    metrics = Metrics(CollectorRegistry())
    labels = {metrics.path_label(f"/var/log/{number}") for number in range(PATHS + 50)}
    assert len(labels) == PATHS + 1
    assert "other" in labels
    assert metrics.path_label("/var/log/0") == "/var/log/0"
    fresh = Metrics(CollectorRegistry())
    assert fresh.path_label("/tmp/\x1b[31m\n\udcff") == "/tmp/\\x1b[31m\\n\\udcff"


def test_one_model_is_in_use_at_a_time() -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.set_model("a", "tinylogbert", 1.0)
    metrics.set_model("b", "tinylogbert", 2.0)
    value = metrics.registry.get_sample_value
    assert value("tinylogbert_model_info", {"model": "a", "type": "tinylogbert"}) is None
    assert value("tinylogbert_model_info", {"model": "b", "type": "tinylogbert"}) == 1
    assert value("tinylogbert_model_trained_timestamp_seconds") == 2.0
