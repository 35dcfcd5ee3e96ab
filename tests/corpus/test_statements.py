"""Our own statements: well formed, both sides of each topic told, nothing of what is judged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tinylogbert_daemon.model.normalize import body_start, normalize
from tinylogbert_daemon.model.shape import shapes

ROOT = Path(__file__).resolve().parents[2]
TOPICS = ROOT / "scripts" / "corpus" / "samples" / "statements.txt"
JUDGED = ROOT / "scripts" / "bench" / "samples" / "well_known.txt"


@pytest.fixture
def statements(corpus_module: Callable[[str], Any]) -> Any:
    return corpus_module("statements")


def bodies(lines: list[str]) -> set[str]:
    """The texts of `lines` without their headers."""
    found = (normalize(shape).split(" ") for shape in shapes("\n".join([*lines, ""]).encode()))
    return {" ".join(words[body_start(words) :]) for words in found}


def test_each_topic_says_what_is_well_and_what_is_not() -> None:
    for block in TOPICS.read_text().strip().split("\n\n"):
        rows = [row.split(": ", 1) for row in block.split("\n")]
        assert [name for name, _ in rows] == ["thing", "well", "ill"], block
        things, well, ill = (text.split("; ") for _, text in rows)
        assert len(things) >= 5
        assert len(well) >= 8
        assert len(ill) >= 8
        assert not set(well) & set(ill), block


def test_no_line_that_the_benchmark_judges_is_taught(statements: Any) -> None:
    taught = bodies([line for line, _ in statements.statements(25_000, seed=0)])
    judged = bodies([row.split("\t", 1)[1] for row in JUDGED.read_text().splitlines()])
    assert len(judged) > 200
    assert not taught & judged
