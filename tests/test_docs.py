"""The README names every subcommand, configuration key and metric; other pages keep their word."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from tests.config.test_defaults import keys
from tinylogbert_daemon.cli import COMMANDS
from tinylogbert_daemon.config import Config
from tinylogbert_daemon.metrics import Metrics
from tinylogbert_daemon.source.formats import NAMES

TESTS = Path(__file__).parent
README = TESTS.parent / "README.md"
RELIABILITY = TESTS.parent / "docs" / "reliability.md"


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


@pytest.mark.parametrize("name", NAMES)
def test_every_format_is_explained(name: str) -> None:
    assert f"`{name}`" in (TESTS.parent / "docs" / "formats.md").read_text()


def _rows() -> list[str]:
    """Return the rows of the tables of scenarios, without their headings."""
    lines = RELIABILITY.read_text().splitlines()
    rows = [line for line in lines if line.startswith("| ")]
    return [row for row in rows if not row.startswith("| scenario |")]


def test_each_scenario_of_reliability_has_a_test_that_is_there() -> None:
    rows = _rows()
    assert len(rows) > 40
    for row in rows:
        named = re.findall(r"`(\S+\.py)::(\w+)`", row)
        assert named, row
        for file, test in named:
            tree = ast.parse((TESTS / file).read_text())
            functions = {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)}
            assert test in functions, f"{file} has no {test}"
