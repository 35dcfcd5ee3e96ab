"""Rules and dashboard, by Prometheus' own tool and by the metrics that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from tinylogbert_daemon.metrics import Metrics

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "config" / "prometheus"
DASHBOARD = ROOT / "config" / "grafana" / "tinylogbert.json"

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="needs promtool (Debian: prometheus)"
)


def promtool(*arguments: str | Path, stdin: bytes | None = None) -> None:
    done = subprocess.run(
        ["promtool", *map(str, arguments)], input=stdin, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


@needs_promtool
def test_configuration_and_rules_are_valid() -> None:
    promtool("check", "config", PROMETHEUS / "prometheus.yml")


@needs_promtool
def test_alerts_fire_when_they_should() -> None:
    promtool("test", "rules", Path(__file__).parent / "alerts.test.yml")


@needs_promtool
def test_metrics_follow_the_conventions() -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.expect(["app"], ["jsonl"])
    metrics.set_model("base", "tinylogbert", 1.0)
    promtool("check", "metrics", stdin=generate_latest(metrics.registry))


def test_rules_and_dashboard_ask_for_nothing_that_is_not_there() -> None:
    metrics = Metrics(CollectorRegistry())
    ProcessCollector(registry=metrics.registry)
    known = {
        sample.name.removesuffix("_created")
        for family in metrics.registry.collect()
        for sample in family.samples or ()
    } | {family.name for family in metrics.registry.collect()}
    known |= {f"{family.name}_total" for family in metrics.registry.collect()}
    asked = {
        name
        for file in (*PROMETHEUS.glob("*.yml"), DASHBOARD)
        for name in re.findall(r"(?<![\w:])(?:tinylogbert|process)_\w+(?=[\[{ ])", file.read_text())
    }
    assert len(asked) > 15
    assert {name.removesuffix("_bucket") for name in asked} <= known


def test_dashboard_has_no_two_panels_in_one_place() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)
