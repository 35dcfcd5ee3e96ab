"""Splits: no text in both parts, nothing simulated and no label to learn from."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import log_lines
from tinylogbert_daemon.errors import DataError
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.shape import record, shapes
from tinylogbert_daemon.training.convert import convert
from tinylogbert_daemon.training.split import Parts, split


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("split")
    log = folder / "app.log"
    log.write_text("".join(f"{line}\n" for line in log_lines(1000, seed=4)))
    path = folder / "labelled.json"
    with path.open("wb") as stream:
        convert(str(log), stream, 0.1)
    return path


def parts_of(
    path: Path, **options: Any
) -> tuple[Parts, list[dict[str, Any]], list[dict[str, Any]]]:
    train, test = io.BytesIO(), io.BytesIO()
    parts = split(str(path), train, test, **options)
    rows = [[json.loads(line) for line in part.getvalue().splitlines()] for part in (train, test)]
    return parts, rows[0], rows[1]


def texts(rows: list[dict[str, Any]]) -> set[str]:
    block = b"".join(record(row["log_text"]) + b"\n" for row in rows)
    return set(map(normalize, shapes(block)))


def test_no_text_is_learned_from_and_tested_on(labelled: Path) -> None:
    parts, train, test = parts_of(labelled)

    assert not texts(train) & texts(test)
    assert (parts.train_texts, parts.test_texts) == (len(texts(train)), len(texts(test)))
    assert parts.shared_texts == 0
    assert parts.train_lines + parts.test_lines + parts.left_out == 1000
    assert 0.1 < parts.test_lines / 1000 < 0.3
    assert parts.test_anomalies == sum(row["label"] for row in test) > 0


def test_nothing_is_known_of_what_is_learned_from_but_its_text(labelled: Path) -> None:
    _, train, test = parts_of(labelled)
    assert all(row.keys() == {"log_text"} for row in train)
    simulated = [
        entry["log_text"]
        for entry in map(json.loads, labelled.read_text().splitlines())
        if "simulated" in entry
    ]
    normal = {
        entry["log_text"]
        for entry in map(json.loads, labelled.read_text().splitlines())
        if "simulated" not in entry
    }
    assert not ({row["log_text"] for row in train} & (set(simulated) - normal))
    assert all(row.keys() >= {"log_text", "label"} for row in test)


def test_equal_seeds_split_alike_and_others_do_not(labelled: Path) -> None:
    assert parts_of(labelled, seed=3) == parts_of(labelled, seed=3)
    assert texts(parts_of(labelled, seed=3)[2]) != texts(parts_of(labelled, seed=4)[2])


def test_with_shared_texts_the_end_of_the_log_is_tested_on(labelled: Path) -> None:
    parts, _, test = parts_of(labelled, shared_texts=True)
    end = [json.loads(line) for line in labelled.read_text().splitlines()[-200:]]
    assert test == end
    assert parts.shared_texts > 0


def test_no_more_texts_are_tested_on_than_allowed(labelled: Path) -> None:
    all_parts, all_train, _ = parts_of(labelled)
    parts, train, test = parts_of(labelled, texts_limit=20)
    assert len(texts(test)) <= 20 < all_parts.test_texts
    assert 0 < parts.test_anomalies < parts.test_lines
    assert train == all_train, "what is not tested on is not learned from either"


def test_two_anomalous_texts_are_one_to_test_on(tmp_path: Path) -> None:
    path = tmp_path / "few.json"
    rows = [{"log_text": f"all is {word}", "label": 0} for word in ("well", "fine", "good")]
    rows += [{"log_text": f"disk {word}", "label": 1} for word in ("broken", "gone")]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    parts, _, test = parts_of(path)
    assert parts.test_anomalies == 1
    assert {row["label"] for row in test} == {0, 1}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"log_text": "x", "label": 0}\n', "found only label 0"),
        ('{"log_text": "x", "label": 1}\n', "found only label 1"),
        ('{"log_text": "x"}\n', "found no labelled line"),
        ("", "found no labelled line"),
        ("plain log line\n", ":1: not JSON"),
        (
            '{"log_text": "x", "label": 1}\n{"log_text": "x", "label": 0}\n',
            "too few distinct texts",
        ),
    ],
)
def test_what_cannot_be_split_is_one_line(content: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(content)
    with pytest.raises(DataError, match=reason) as refusal:
        parts_of(path)
    assert str(refusal.value).startswith(str(path))
    assert "\n" not in str(refusal.value)
