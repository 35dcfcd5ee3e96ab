"""README and docs, in both languages, name every subcommand, configuration key and metric.

Links lead somewhere, configurations are right ones, and messages are those of the code.
"""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from tests.config.test_defaults import keys
from tinylogbert_daemon.cli import COMMANDS
from tinylogbert_daemon.config import Config, parse
from tinylogbert_daemon.metrics import Metrics
from tinylogbert_daemon.source.formats import NAMES

TESTS = Path(__file__).parent
ROOT = TESTS.parent
DOCS = ROOT / "docs"
RELIABILITY = DOCS / "reliability.md"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]

CHINESE = DOCS / "README.zh-CN.md"
COMMANDS_IN = {"en": [ROOT / "README.md"], "zh-CN": [CHINESE]}
KEYS_IN = {"en": [DOCS / "configuration.md"], "zh-CN": [CHINESE]}
METRICS_IN = {"en": [DOCS / "operations.md"], "zh-CN": [CHINESE]}


def _text(pages: list[Path]) -> str:
    return "\n".join(page.read_text() for page in pages)


def _metrics() -> list[str]:
    families = Metrics(CollectorRegistry()).registry.collect()
    return sorted(f"{one.name}_total" if one.type == "counter" else one.name for one in families)


@pytest.mark.parametrize("language", COMMANDS_IN)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_subcommand_is_explained(command: str, language: str) -> None:
    assert f"tinylogbert {command}" in _text(COMMANDS_IN[language])


@pytest.mark.parametrize("language", KEYS_IN)
@pytest.mark.parametrize("key", sorted({path[-1] for path in keys(Config)}))
def test_every_configuration_key_is_explained(key: str, language: str) -> None:
    assert re.search(rf"`(?:[a-z]+\.)*{key}`", _text(KEYS_IN[language]))


@pytest.mark.parametrize("language", METRICS_IN)
@pytest.mark.parametrize("metric", _metrics())
def test_every_metric_is_explained(metric: str, language: str) -> None:
    assert f"`{metric}`" in _text(METRICS_IN[language])


def _anchors(page: Path) -> set[str]:
    """Return the anchors that a forge makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        path, _, anchor = target.partition("#")
        if target.startswith(("http://", "https://")):
            continue
        other = page.parent / path if path else page
        assert other.exists(), target
        assert not anchor or anchor in _anchors(other), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_configurations_that_are_shown_are_right(page: Path) -> None:
    for block in re.findall(r"^```yaml\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL):
        parse(block, page.name)


def test_the_page_of_each_stage_is_named_in_the_readme() -> None:
    for page in DOCS.glob("*.md"):
        for readme in (ROOT / "README.md", CHINESE):
            assert page == readme or page.name in readme.read_text(), page.name


def _code() -> str:
    """Return the code, each text that is written in several pieces joined."""
    files = (ROOT / "tinylogbert_daemon").rglob("*.py")
    return re.sub(r'"\s*\n\s*f?"', "", "\n".join(file.read_text() for file in files))


def test_messages_of_the_troubleshooting_table_are_those_of_the_code() -> None:
    table = (DOCS / "operations.md").read_text().partition("## Troubleshooting")[2]
    rows = re.findall(r"^\| (.+?) \| .+\|$", table.partition("\n## ")[0], re.MULTILINE)
    messages = [one for row in rows for one in re.findall(r"``(.+?)``|`([^`]+)`", row)]
    texts = [double or single for double, single in messages if " " in (double or single)]
    assert len(texts) >= 25
    code = _code()
    for text in texts:
        for part in filter(None, (part.strip() for part in text.split("…"))):
            assert part in code, part


def test_every_alert_and_sink_is_explained() -> None:
    page = (DOCS / "alerts.md").read_text()
    rules = (ROOT / "config" / "prometheus" / "tinylogbert.alerts.yml").read_text()
    for alert in re.findall(r"- alert: (\w+)", rules):
        assert f"| `{alert}` |" in page
    for sink in ("jsonl", "log", "Alertmanager", "Webhooks", "E-mail", "Syslog", "Standard output"):
        assert sink in page


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


@pytest.mark.parametrize(
    "script",
    sorted(set(re.findall(r"\bscripts/(?:bench/)?\w+\.py\b", _text(PAGES)))),
)
def test_scripts_that_are_named_can_be_run_as_they_stand(script: str) -> None:
    path = ROOT / script
    assert os.access(path, os.X_OK)
    assert path.read_text().startswith("#!/usr/bin/env python3\n")
