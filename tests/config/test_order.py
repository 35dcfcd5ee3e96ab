"""Defaults give way to the file, the file to the environment, the environment to options."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from tinylogbert_daemon.config import load, parse
from tinylogbert_daemon.errors import ConfigError

FILE = "http: {port: 1}\nstate_dir: /file\n"


def test_each_later_one_wins() -> None:
    environment = {"TINYLOGBERT_HTTP__PORT": "2"}
    options = {"http.port": 3}
    assert parse("", "f").http.port == 5000
    assert parse(FILE, "f").http.port == 1
    assert parse(FILE, "f", environment).http.port == 2
    assert parse(FILE, "f", environment, options).http.port == 3
    # what they do not name stays
    config = parse(FILE, "f", environment, options)
    assert (config.state_dir, config.http.host) == ("/file", "127.0.0.1")


def test_the_environment_sets_keys_at_every_depth() -> None:
    config = parse(
        "",
        "f",
        {
            "TINYLOGBERT_STATE_DIR": "/srv",
            "TINYLOGBERT_SINKS__JSONL__ENABLED": "false",
            "TINYLOGBERT_SOURCES": "[{name: a, paths: [/b]}]",
            "TINYLOGBERT_DECISION__THRESHOLD": "0.25",
            "TINYLOGBERT_CONFIG": "/elsewhere",
            "TINYLOGBERT_DATA": "/data",
            "TINYLOGBERT_PYTHON": "python3.12",
            "HOME": "/root",
        },
    )
    assert config.state_dir == "/srv"
    assert config.sinks.jsonl.enabled is False
    assert [(source.name, source.paths) for source in config.sources] == [("a", ["/b"])]
    assert config.decision.threshold == 0.25


@pytest.mark.parametrize(
    ("variable", "value", "error"),
    [
        ("HTTP__PORT", "x", "http.port: must be a whole number"),
        ("HTTP__PRT", "1", "http.prt: unknown key; did you mean 'port'?"),
        ("SOURCES", "[{paths: [/b]}]", "sources.0.name: this key is missing; add it"),
        ("STATE_DIR", "", "state_dir: must be text; put it in quotes"),
        ("STATE_DIR", "2001-99-99", None),
        ("STATE_DIR", "!!int ''", None),
        ("STATE_DIR__X", "1", "state_dir has no keys inside"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(
    variable: str, value: str, error: str | None
) -> None:
    text = "state_dir: /file\n"
    environment = {f"TINYLOGBERT_{variable}": value}
    if error is None:  # what is no YAML is taken as text
        assert parse(text, "f", environment).state_dir == value
        return
    with pytest.raises(ConfigError) as caught:
        parse(text, "f", environment)
    assert str(caught.value) == f"environment variable TINYLOGBERT_{variable}: {error}"


def test_a_mistake_in_an_option_says_so() -> None:
    with pytest.raises(ConfigError, match=r"^command line: model\.path: must be text"):
        parse("", "f", {}, {"model.path": 7})


def test_which_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("named", "environment", "system"):
        (tmp_path / name).write_text(f"state_dir: /{name}\n")
    variable = {"TINYLOGBERT_CONFIG": str(tmp_path / "environment")}
    module = importlib.import_module("tinylogbert_daemon.config.load")
    monkeypatch.setattr(module, "SYSTEM_FILE", tmp_path / "system")
    assert load(tmp_path / "named", variable).state_dir == "/named"
    assert load(None, variable).state_dir == "/environment"
    assert load(None, {}).state_dir == "/system"
    with pytest.raises(ConfigError, match="No such file"):  # one that is named must be there
        load(None, {"TINYLOGBERT_CONFIG": str(tmp_path / "none")})


@pytest.mark.parametrize(
    ("text", "enabled", "units"),
    [
        ("true", True, []),
        ("{}", True, []),
        ("{units: [ssh.service, cron]}", True, ["ssh.service", "cron"]),
        ("{enabled: true}", True, []),
    ],
)
def test_a_journal_is_named_in_a_word_or_in_a_section(
    text: str, enabled: bool, units: list[str]
) -> None:
    (source,) = parse(f"sources: [{{name: a, journal: {text}}}]\n", "f").sources
    assert (source.journal.enabled, source.journal.units, source.paths) == (enabled, units, [])
