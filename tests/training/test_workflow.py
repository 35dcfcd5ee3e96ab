"""The journal of steps, and how long to train."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tinylogbert_daemon.errors import DataError
from tinylogbert_daemon.training.corpus import Corpus
from tinylogbert_daemon.training.workflow import (
    JOURNAL_FILE,
    Journal,
    Outcome,
    fingerprint,
    schedule,
)


class Scene:
    """A folder with a journal, steps that write one file each, and a clock that tests move."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[str] = []
        self.worked: list[str] = []
        self.now = 0.0

    def journal(self) -> Journal:
        return Journal(self.folder, self.told.append, lambda: self.now)

    def work(self, name: str, seconds: float = 5.0) -> Outcome:
        self.worked.append(name)
        self.now += seconds
        path = self.folder / name
        path.write_text(f"output of {name}, time {len(self.worked)}")
        return Outcome(f"did {name}", [path], {"path": str(path)})

    def take(self, options: str = "default") -> Journal:
        journal = self.journal()
        first = journal.run("first", options, lambda: self.work("first"))
        journal.run("second", first.identity, lambda: self.work("second"))
        return journal


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    yield Scene(tmp_path)


def test_steps_that_are_done_are_skipped_and_said_so(scene: Scene) -> None:
    done = scene.take().steps
    assert [(step.name, step.seconds, step.reused) for step in done] == [
        ("first", 5.0, False), ("second", 5.0, False),
    ]  # fmt: skip
    assert scene.told == [
        "step 1, first ...", "step 1, first: did first (5.0 s)",
        "step 2, second ...", "step 2, second: did second (5.0 s)",
    ]  # fmt: skip
    scene.told.clear()
    again = scene.take().steps
    assert scene.worked == ["first", "second"]
    assert all("skipped" in line for line in scene.told)
    assert [(step.seconds, step.told, step.detail) for step in again] == [
        (step.seconds, step.told, step.detail) for step in done
    ]
    assert all(step.reused for step in again)


def test_other_options_do_a_step_and_what_depends_on_it_again(scene: Scene) -> None:
    scene.take()
    scene.take("other")
    assert scene.worked == ["first", "second"] * 2


@pytest.mark.parametrize("lost", ["first", "second"])
def test_an_output_that_is_gone_or_changed_is_made_again(scene: Scene, lost: str) -> None:
    scene.take()
    scene.worked.clear()
    (scene.folder / lost).unlink()
    scene.take()
    assert scene.worked == [lost], "as it comes out the same, nothing else is done again"
    (scene.folder / lost).write_text("changed")
    scene.worked.clear()
    scene.take()
    assert scene.worked == [lost]


def test_an_output_that_comes_out_otherwise_has_what_depends_on_it_done_again(
    scene: Scene,
) -> None:
    scene.take()
    (scene.folder / "first").unlink()
    scene.take()
    assert scene.worked == ["first", "second", "first", "second"]


def test_an_interrupted_step_is_taken_up_again_and_its_time_adds_up(scene: Scene) -> None:
    def interrupted() -> Outcome:
        scene.now += 7.0
        raise KeyboardInterrupt

    journal = scene.journal()
    journal.run("first", 1, lambda: scene.work("first"))
    with pytest.raises(KeyboardInterrupt):
        journal.run("second", 2, interrupted)

    journal = scene.journal()
    journal.run("first", 1, lambda: scene.work("first"))
    journal.run("second", 2, lambda: scene.work("second"))
    assert scene.worked == ["first", "second"]
    assert [step.seconds for step in journal.steps] == [5.0, 12.0]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 1}', '{"format": 1, "steps": [3]}'])
def test_a_damaged_journal_is_one_line(scene: Scene, content: str) -> None:
    (scene.folder / JOURNAL_FILE).write_text(content)
    with pytest.raises(DataError, match="remove it to begin anew") as refusal:
        scene.journal()
    assert "\n" not in str(refusal.value)


def test_a_journal_of_another_format_is_begun_anew(scene: Scene) -> None:
    scene.take()
    path = scene.folder / JOURNAL_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 0}))
    scene.take()
    assert scene.worked == ["first", "second"] * 2


def test_a_fingerprint_goes_by_content(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("a")
    (tmp_path / "two").write_text("a")
    assert fingerprint(tmp_path / "one") == fingerprint(tmp_path / "two")
    (tmp_path / "two").write_text("b")
    assert fingerprint(tmp_path / "one") != fingerprint(tmp_path / "two")
    with pytest.raises(DataError, match="cannot read"):
        fingerprint(tmp_path / "none")


CORPUS = Corpus({f"text {number}": 1 + number for number in range(100)}, 5050)


@pytest.mark.parametrize(
    ("epochs", "limit", "texts", "expected"),
    [
        (10, None, 100, (10, 130)),
        (10, 130, 100, (10, 130)),
        (10, 40, 100, (3, 39)),
        (10, 13, 100, (1, 13)),
        (10, 5, 40, (1, 5)),
        (2, 1000, 100, (2, 26)),
    ],
)
def test_training_keeps_within_its_steps(
    epochs: int, limit: int | None, texts: int, expected: tuple[int, int]
) -> None:
    plan = schedule(CORPUS, epochs, 8, limit)
    assert (plan.epochs, plan.steps) == expected
    assert len(plan.corpus.texts) == texts
    assert plan.corpus.counts.items() <= CORPUS.counts.items()
