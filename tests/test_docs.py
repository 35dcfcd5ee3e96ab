"""The README names every subcommand, configuration key and metric."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from tests.config.test_defaults import keys
from tinylogbert_daemon.cli import COMMANDS
from tinylogbert_daemon.config import Config
from tinylogbert_daemon.metrics import Metrics

README = Path(__file__).parents[1] / "README.md"


def _metrics() -> list[str]:
    families = Metrics(CollectorRegistry()).registry.collect()
    return sorted(f"{one.name}_total" if one.type == "counter" else one.name for one in families)


@pytest.fixture(scope="module")
def readme() -> str:
    return README.read_text()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_subcommand_is_in_the_readme(readme: str, command: str) -> None:
    assert f"tinylogbert {command}" in readme


@pytest.mark.parametrize("key", sorted({path[-1] for path in keys(Config)}))
def test_every_configuration_key_is_in_the_readme(readme: str, key: str) -> None:
    assert key in readme


@pytest.mark.parametrize("metric", _metrics())
def test_every_metric_is_in_the_readme(readme: str, metric: str) -> None:
    assert metric in readme or metric.removeprefix("tinylogbert_") in readme
