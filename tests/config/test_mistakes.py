"""Each mistake in a configuration is one line: file, line, key, and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinylogbert_daemon import cli
from tinylogbert_daemon.config import Config, load, parse
from tinylogbert_daemon.errors import ConfigError
from tinylogbert_daemon.escape import printable

MISTAKES = {
    "model:\n  sha256: abc\n": (
        "f:2: model.sha256: must be the 64 hex digits that `sha256sum manifest.json` prints"
    ),
    # unknown keys
    "http:\n  prot: 1\n": "f:2: http.prot: unknown key; did you mean 'port'?",
    "\n\ncolour: 1\n": (
        "f:3: colour: unknown key; known here: decision, http, learning, logging, model, "
        "privacy, sinks, sources, state, state_dir, tail"
    ),
    # one that belongs elsewhere
    "\n\ntreshold: 1\n": "f:3: treshold: unknown key; did you mean 'decision.threshold'?",
    "state:\n  directory: x\n": "f:2: state.directory: unknown key; did you mean 'state_dir'?",
    "sinks:\n  jsonl:\n    pth: x\n": "f:3: sinks.jsonl.pth: unknown key; did you mean 'path'?",
    "sources:\n  - name: a\n    paths: [b]\n    path: c\n": (
        "f:4: sources.0.path: unknown key; did you mean 'paths'?"
    ),
    '"ht\\ntp": 1\n': "f:1: ht\\ntp: unknown key; did you mean 'http'?",
    # wrong types
    "state_dir: 7\n": "f:1: state_dir: must be text; put it in quotes",
    "state_dir: 2020-01-01\n": "f:1: state_dir: must be text; put it in quotes",
    "http: {port: '5000'}\n": "f:1: http.port: must be a whole number",
    "http: {port: true}\n": "f:1: http.port: must be a whole number",
    "tail: {block_kib: 64.5}\n": "f:1: tail.block_kib: must be a whole number",
    "tail:\n  poll_seconds: fast\n": "f:2: tail.poll_seconds: must be a number",
    "http:\n  enabled: 1\n": "f:2: http.enabled: must be true or false",
    "sources: a\n": "f:1: sources: must be a list",
    "sources: [a]\n": "f:1: sources.0: must hold keys, not a single value",
    "sources:\n  - name: a\n    paths: b\n": "f:3: sources.0.paths: must be a list",
    "http:\n": "f:1: http: must hold keys, not a single value",
    "7: 1\n": "f:1: 7: a key must be text",
    # out of range
    "decision:\n  threshold: 7\n": "f:2: decision.threshold: must be at most 1.0",
    "decision: {threshold: -0.1}\n": "f:1: decision.threshold: must be at least 0.0",
    "decision: {threshold: .nan}\n": "f:1: decision.threshold: must be at most 1.0",
    "tail: {poll_seconds: 0}\n": "f:1: tail.poll_seconds: must be more than 0.0",
    "http: {port: 65536}\n": "f:1: http.port: must be at most 65535",
    "state_dir: ''\n": "f:1: state_dir: must not be empty",
    "logging: {level: loud}\n": (
        "f:1: logging.level: must be 'debug', 'info', 'warning' or 'error'"
    ),
    "http: {host: 0.0.0.0}\n": (
        "f:1: http.host: must be a loopback address (127.0.0.1, ::1, localhost), or "
        "tls_certificate and tls_key be set"
    ),
    "sources:\n  - {name: a b, paths: [c]}\n": (
        "f:2: sources.0.name: must be 1 to 64 letters, digits, dots, underscores or hyphens"
    ),
    "sources: [{name: a, paths: []}]\n": "f:1: sources.0.paths: must not be empty",
    "sources: [{name: a, paths: ['']}]\n": "f:1: sources.0.paths.0: must not be empty",
    "sources: [{name: a}]\n": (
        "f:1: sources.0: there is nothing to read; add paths, or journal: true"
    ),
    # journals and standard input
    "sources: [{name: a, journal: false}]\n": (
        "f:1: sources.0: there is nothing to read; add paths, or journal: true"
    ),
    "sources:\n  - name: a\n    journal: yes please\n": (
        "f:3: sources.0.journal: must hold keys, not a single value"
    ),
    "sources: [{name: a, paths: [b], journal: true}]\n": (
        "f:1: sources.0: a source has paths or a journal; make two sources of them"
    ),
    "sources:\n  - name: a\n    journal: {unit: [ssh]}\n": (
        "f:3: sources.0.journal.unit: unknown key; did you mean 'units'?"
    ),
    "sources:\n  - name: a\n    journal:\n      matches: [--file=/etc/shadow]\n": (
        "f:4: sources.0.journal.matches: '--file=/etc/shadow' is no match; "
        "write FIELD=value, as in PRIORITY=3"
    ),
    "sources: [{name: a, journal: {directory: logs}}]\n": (
        "f:1: sources.0.journal.directory: must be an absolute path"
    ),
    "sources: [{name: a, paths: ['-', /b]}]\n": (
        "f:1: sources.0: '-', standard input, must be the only path of its source"
    ),
    "sources: [{name: a, paths: ['-']}, {name: b, paths: ['-']}]\n": (
        "f:1: sources: two sources are standard input ('-'); only one can be"
    ),
    "sources: [{name: a, paths: [b]}, {name: a, paths: [c]}]\n": (
        "f:1: sources: two sources are named 'a'; names must differ"
    ),
    "tail:\n  block_kib: 64\n  record_kib: 65\n": "f:1: tail: record_kib must be at most block_kib",
    # the same key twice
    "http:\n  port: 1\n  port: 2\n": "f:3: port: this key is there twice; remove one",
    "http: {}\ntail: {}\nhttp: {}\n": "f:3: http: this key is there twice; remove one",
    # no YAML, or no mapping
    "http: [\n": "f:2: not valid YAML: expected the node content, but found '<stream end>'",
    "a: b: c\n": "f:1: not valid YAML: mapping values are not allowed here",
    "\tx: 1\n": "f:1: not valid YAML: found character '\\t' that cannot start any token",
    "[a]: b\n": "f:1: not valid YAML: found unhashable key",
    "a: 1\n---\nb: 2\n": "f:2: not valid YAML: but found another document",
    "x: *y\n": "f:1: not valid YAML: found undefined alias 'y'",
    "just text\n": "f:1: must hold keys and values, not str",
    "- a\n": "f:1: must hold keys and values, not list",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_one_clear_line(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "f")
    assert str(caught.value) == MISTAKES[text]


@pytest.mark.parametrize(
    "text",
    [
        "a: !!bool maybe",
        "a: !!int ''",
        "a: !!float ''",
        "a: !!timestamp yesterday",
        "a: !!python/object:os.system x",
        "a: 2001-99-99",
        "a: &a [*a]",
        "a: &a {b: *a}",
        "[" * 3000,
        "{a: " * 3000,
        "a: " + "9" * 5000,
        "\0",
        "a: \x1b[31m",
    ],
)
def test_what_yaml_itself_fails_on_is_one_clear_line_too(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "f")
    line = str(caught.value)
    assert line.startswith("f:") and "\n" not in line and line.isprintable()


def test_several_mistakes_are_said_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("http: {port: x}\ntail:\n  record_kib: 0\n  block_kb: 1\n", "f")
    assert str(caught.value).splitlines() == [
        "f:3: tail.record_kib: must be at least 1",
        "f:4: tail.block_kb: unknown key; did you mean 'block_kib'?",
        "f:1: http.port: must be a whole number",
    ]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"state_dir: /srv/\xe9tat\n")
    wanted = {
        latin: "the configuration is not UTF-8 text",
        tmp_path / "none": "cannot read the configuration: No such file or directory",
        tmp_path: "cannot read the configuration: Is a directory",
    }
    for path, reason in wanted.items():
        with pytest.raises(ConfigError) as caught:
            load(path, {})
        assert str(caught.value) == f"{path}: {reason}"


def test_the_command_line_prints_each_mistake_and_exits_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("decision: {threshold: 7}\nhttp: {port: x}\n")
    for name in ("run", "check", "status"):
        assert cli.main([name, "-c", str(path)]) == 1
        assert capsys.readouterr().err.splitlines() == [
            f"tinylogbert: {path}:1: decision.threshold: must be at most 1.0",
            f"tinylogbert: {path}:2: http.port: must be a whole number",
        ]


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)
_WORDS = "sources name paths tail state_dir sinks jsonl path http port enabled logging level"
_NAMES = st.sampled_from([*_WORDS.split(), "decision", "threshold", "poll_seconds"])
_CONTENT = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_NAMES | st.text(max_size=5), inner)
    ),
    max_leaves=15,
)


@settings(max_examples=150, deadline=None)
@given(st.text() | st.text(alphabet="ab1:-[]{}&*!|>%@`'\"#,?. \n\t\\<=~"))
def test_any_text_is_a_configuration_or_one_error(text: str) -> None:
    _parses_or_refuses(text)


@settings(max_examples=100, deadline=None)
@given(_CONTENT)
def test_any_content_is_a_configuration_or_one_error(content: object) -> None:
    import yaml

    _parses_or_refuses(yaml.safe_dump(content, allow_unicode=True))


def _parses_or_refuses(text: str) -> None:
    try:
        assert isinstance(parse(text, "f"), Config)
    except ConfigError as error:
        lines = str(error).split("\n")
        assert all(line.startswith("f:") and line == printable(line) for line in lines)
