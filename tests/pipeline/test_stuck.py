"""What counts as stuck, and so ends in a restart: not being busy, idle, or short of disk."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.pipeline.parts import by_words, until
from tests.pipeline.test_pipeline import Scene
from tinylogbert_daemon.clock import SystemClock
from tinylogbert_daemon.errors import StateError
from tinylogbert_daemon.health import STUCK_SECONDS
from tinylogbert_daemon.model.artifact import Artifact
from tinylogbert_daemon.model.scorer import Verdict
from tinylogbert_daemon.pipeline import commit
from tinylogbert_daemon.pipeline.run import Pipeline
from tinylogbert_daemon.state import Effects


class ShiftedClock(SystemClock):
    """The host's clock, and what a test adds to it."""

    def __init__(self) -> None:
        self.shift = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.shift


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture
def scene(
    tmp_path: Path, artifact: Artifact, clock: ShiftedClock, monkeypatch: pytest.MonkeyPatch
) -> Scene:
    monkeypatch.setattr(commit, "_RETRY_SECONDS", 0.01)
    made = Scene(tmp_path, artifact)
    made.clock = clock
    return made


def _stuck(pipeline: Pipeline) -> bool:
    return pipeline.stuck_seconds() >= STUCK_SECONDS


def test_a_model_call_that_does_not_end_is_stuck_until_it_does(
    scene: Scene, clock: ShiftedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    called, go_on = threading.Event(), threading.Event()

    def hanging(texts: Sequence[str]) -> list[Verdict]:
        called.set()
        assert go_on.wait(20)
        return by_words(texts)

    monkeypatch.setattr(scene.scorer, "score", hanging)
    scene.write("a line")

    async def body() -> None:
        try:
            await until(called.is_set)
            assert not _stuck(scene.pipeline)
            clock.shift += STUCK_SECONDS
            assert _stuck(scene.pipeline)
        finally:
            go_on.set()
        await until(lambda: scene.committed() == 1)
        assert scene.pipeline.stuck_seconds() == 0

    scene.run(body)


def test_a_block_that_takes_long_is_not_stuck_while_calls_of_the_model_end(
    scene: Scene, clock: ShiftedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tinylogbert_daemon.pipeline.scoring.CALL_TEXTS", 1)
    calls, seen = 0, threading.Semaphore(0)

    def slow(texts: Sequence[str]) -> list[Verdict]:
        nonlocal calls
        calls += 1
        clock.shift += 0.9 * STUCK_SECONDS
        assert seen.acquire(timeout=20)
        return by_words(texts)

    monkeypatch.setattr(scene.scorer, "score", slow)
    scene.write(*["x" * length for length in range(1, 6)])

    async def body() -> None:
        for number in range(1, 6):
            await until(lambda: calls == number)  # noqa: B023
            assert not _stuck(scene.pipeline)
            seen.release()
        await until(lambda: scene.committed() == 5)

    scene.run(body)
    assert calls == 5
    assert clock.shift > 4 * STUCK_SECONDS


def test_a_daemon_with_nothing_to_do_is_not_stuck(scene: Scene, clock: ShiftedClock) -> None:
    scene.write("a line")

    async def body() -> None:
        await until(lambda: scene.committed() == 1)
        clock.shift += 100 * STUCK_SECONDS
        assert scene.pipeline.stuck_seconds() == 0

    scene.run(body)


def test_a_full_disk_is_not_stuck_but_a_disk_that_does_not_answer_is(
    scene: Scene, clock: ShiftedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit, "PENDING_BLOCKS", 1)
    attempts, hang, hanging, go_on = 0, threading.Event(), threading.Event(), threading.Event()

    def fails(_: Effects) -> None:
        nonlocal attempts
        attempts += 1
        if hang.is_set():
            hanging.set()
            assert go_on.wait(20)
        raise StateError("database or disk is full")

    for number in range(4):
        scene.write("fine", name=f"{number}.log")

    async def body() -> None:
        store = scene.store.commit
        monkeypatch.setattr(scene.store, "commit", fails)
        try:
            await until(lambda: scene.pipeline._work._count and scene.pipeline.committer.failure)
            for _ in range(3):
                clock.shift += STUCK_SECONDS
                tried = attempts
                await until(lambda: attempts > tried + 1)  # noqa: B023
                assert not _stuck(scene.pipeline)
            hang.set()
            await until(hanging.is_set)
            scene.pipeline.stuck_seconds()
            clock.shift += STUCK_SECONDS
            assert _stuck(scene.pipeline)
        finally:
            monkeypatch.setattr(scene.store, "commit", store)
            go_on.set()
        await until(lambda: scene.committed() == 4)

    scene.run(body)
