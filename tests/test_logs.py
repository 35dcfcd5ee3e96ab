"""The daemon's own log: one line an event, known as ours, and harmless."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest
import structlog

from tinylogbert_daemon import logs
from tinylogbert_daemon.escape import printable
from tinylogbert_daemon.model.shape import shapes
from tinylogbert_daemon.model.verdicts import VerdictCache


@pytest.fixture(autouse=True)
def _default_log() -> Iterator[None]:
    yield
    structlog.reset_defaults()


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _say(monkeypatch: pytest.MonkeyPatch, format_: str, stream: io.StringIO, level: str) -> str:
    monkeypatch.setattr("sys.stderr", stream)
    logs.configure(level, format_)
    logs.get().debug("too quiet")
    logs.get().info("following", path="/var/log/\x1b[31mred\n.log", lines=3)
    logs.get().error("cannot", error="x")
    return stream.getvalue()


def test_json_where_nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = _say(monkeypatch, "auto", io.StringIO(), "info").splitlines()
    first, second = map(json.loads, lines)
    assert list(first)[:4] == ["logger", "timestamp", "level", "event"]
    assert (first["logger"], first["level"], first["event"]) == ("tinylogbert", "info", "following")
    assert (first["path"], first["lines"]) == ("/var/log/\\x1b[31mred\\n.log", 3)
    assert (second["event"], second["error"]) == ("cannot", "x")


def test_colours_on_a_terminal_and_none_where_they_are_not_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in _say(monkeypatch, "auto", _Terminal(), "info")
    monkeypatch.setenv("NO_COLOR", "1")
    plain = _say(monkeypatch, "auto", _Terminal(), "info")
    assert all(printable(line) == line for line in plain.splitlines())
    assert "tinylogbert: following" in plain


def test_the_level_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "too quiet" in _say(monkeypatch, "json", io.StringIO(), "debug")
    assert _say(monkeypatch, "json", io.StringIO(), "error").count("\n") == 1


@pytest.mark.parametrize("format_", ["json", "console"])
@pytest.mark.parametrize(
    "header", ["", "Jun 12 10:00:00 web1 tinylogbert[7]: ", "<12>Jun  2 10:00:00 h tinylogbert: "]
)
def test_every_line_is_known_as_ours_when_it_comes_back(
    monkeypatch: pytest.MonkeyPatch, format_: str, header: str
) -> None:
    lines = _say(monkeypatch, format_, io.StringIO(), "debug").splitlines()
    assert len(lines) == 3
    block = "".join(f"{header}{line}\n" for line in lines).encode()
    misses = VerdictCache().resolve(shapes(block))
    assert misses.wanted == {}
