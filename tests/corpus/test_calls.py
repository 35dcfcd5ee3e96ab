"""Log statements in source code: which call they belong to, and how bad its author finds them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def calls(corpus_module: Callable[[str], Any]) -> Any:
    return corpus_module("calls")


@pytest.mark.parametrize(
    ("source", "level", "text"),
    [
        # C: by function, by macro, by constant, in pieces
        ('syslog(LOG_ERR, "cannot bind to port %d", port);', "error", "cannot bind to port %d"),
        ('pr_warn("link " "is slow\\n");', "warning", "link is slow"),
        ('LOG_DBG("wrote %" PRIu64 " bytes", n);', "debug", "wrote %u bytes"),
        ('ngx_log_error(NGX_LOG_INFO, log, 0, "client gone");', "info", "client gone"),
        ('ereport(ERROR, (errcode(E), errmsg("no such table")));', "error", "no such table"),
        ('DEBUG ((DEBUG_ERROR, "%a: not ready\\n", name));', "error", "%a: not ready"),
        # Go, Java, Python
        ('klog.V(2).Infof("node %s joined", name)', "info", "node %s joined"),
        ('klog.Errorf("open state: %v", err)', "error", "open state: %v"),
        ('return fmt.Errorf("open state: %w", err)', "raised", "open state: %w"),
        ('LOG.warn("retry {} of {}", i, n);', "warning", "retry {} of {}"),
        ("_LOGGER.error('Lost contact with %s', host)", "error", "Lost contact with %s"),
        ('raise ValueError("size must be positive")', "raised", "size must be positive"),
        ('throw new IOException("no disk " + n + " in " + host);', "raised", "no disk {} in {}"),
        ('LogError("no disk in this host");', "error", "no disk in this host"),
        ('LOG(WARNING) << "disk " << n << " is full";', "warning", "disk {} is full"),
        ('logging.critical(f"disk {name} is full")', "critical", "disk {name} is full"),
    ],
)
def test_a_statement_has_the_level_of_its_call(
    calls: Any, source: str, level: str, text: str
) -> None:
    assert list(calls.statements(source)) == [(level, text)]


@pytest.mark.parametrize(
    "source",
    [
        'if (error) { puts("all is well here"); }',  # the word is not the call's
        'log_error(x); puts("all is well here");',
        'log_error("EBUSY");',  # no statement: one word
        '// log_error("only a comment")\n',
        '/* log_error("only a comment") */',
        'log("who knows how bad this is")',
        'log_error("usage: %s [-v] FILE");',
    ],
)
def test_what_is_no_statement_of_a_level_is_passed_over(calls: Any, source: str) -> None:
    assert list(calls.statements(source)) == []


def test_slots_are_filled_without_a_hint_of_the_level(calls: Any) -> None:
    statement = "worker %s wrote %d of {} bytes at 0x%x"
    well, ill = (calls.filled(statement, bad, random.Random(7)) for bad in (False, True))
    assert well == ill
    assert not any(slot in well for slot in ("%", "{", "0x0x"))


def test_a_failure_may_end_in_the_text_of_an_error(calls: Any) -> None:
    found = {calls.filled("open: %s", True, random.Random(seed)) for seed in range(50)}
    assert "open: Bad address" in found
    assert calls.filled("100%% done", False, random.Random(0)) == "100% done"


def test_failures_for_debugging_teach_nothing(
    corpus_module: Callable[[str], Any], tmp_path: Path
) -> None:
    rows = [
        ("debug", "cannot find the cache, making one"),
        ("debug", "cache made"),
        ("info", "cannot find the cache, making one"),
        ("warning", "cache is slow"),
        ("raised", "no such cache"),
        ("critical", "cache burnt down"),
    ]
    path = tmp_path / "statements.jsonl"
    path.write_text("".join(json.dumps({"level": a, "text": b}) + "\n" for a, b in rows))
    found = list(corpus_module("statements").of_programs(path, seed=0))
    assert [trouble for _, trouble in found] == [0.0, 0.4, 0.5, 0.3, 1.0]
    assert [line.endswith(text) for (line, _), (_, text) in zip(found, rows[1:], strict=True)]
