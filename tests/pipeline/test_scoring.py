"""Texts of all paths in one call, each once; a text that the model fails on stops no other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from tests.pipeline.parts import by_words, until
from tinylogbert_daemon.metrics import Metrics
from tinylogbert_daemon.model.scorer import Scorer, Verdict
from tinylogbert_daemon.pipeline import scoring as module
from tinylogbert_daemon.pipeline.scoring import CALL_TEXTS, Scoring


class StubScorer:
    """Scores by words; waits for ``gate``, and fails on texts that hold "unscorable"."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def score(self, texts: Sequence[str]) -> list[Verdict]:
        self.calls.append(list(texts))
        self.entered.set()
        assert self.gate.wait(20)
        if any("unscorable" in text for text in texts):
            raise RuntimeError("The following operation failed in the TorchScript interpreter.")
        if any("impossible" in text for text in texts):
            raise ZeroDivisionError
        return by_words(texts)


class Scene:
    def __init__(self) -> None:
        self.scorer = StubScorer()
        self.executor = ThreadPoolExecutor(1)
        self.metrics = Metrics(CollectorRegistry())
        self.scoring: Scoring

    def run(self, body: Callable[[], Awaitable[None]]) -> None:
        async def live() -> None:
            self.scoring = Scoring(cast("Scorer", self.scorer), self.executor, self.metrics)
            async with asyncio.timeout(20):
                task = asyncio.ensure_future(self.scoring.run())
                try:
                    await body()
                finally:
                    self.scorer.gate.set()
                    task.cancel()
                    await asyncio.wait([task])

        asyncio.run(live())


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.executor.shutdown()


def texts_of(verdicts: list[Verdict]) -> list[str]:
    return [verdict.text for verdict in verdicts]


def test_verdicts_come_back_in_order(scene: Scene) -> None:
    async def body() -> None:
        texts = [f"t{i}" for i in range(3 * CALL_TEXTS + 5)]
        assert texts_of(await scene.scoring.score(texts)) == texts
        assert [len(call) for call in scene.scorer.calls] == [CALL_TEXTS] * 3 + [5]
        assert scene.scoring.progress.is_set()

    scene.run(body)


def test_what_waits_during_a_call_is_one_call_and_no_text_is_scored_twice(scene: Scene) -> None:
    async def body() -> None:
        scene.scorer.gate.clear()
        first = asyncio.ensure_future(scene.scoring.score(["a", "b"]))
        await until(scene.scorer.entered.is_set)
        others = [
            asyncio.ensure_future(scene.scoring.score(texts))
            for texts in (["b", "c"], ["c", "a"], ["d"])
        ]
        await asyncio.sleep(0)
        scene.scorer.gate.set()
        found = [texts_of(verdicts) for verdicts in await asyncio.gather(first, *others)]
        assert found == [["a", "b"], ["b", "c"], ["c", "a"], ["d"]]
        assert scene.scorer.calls == [["a", "b"], ["c", "d"]]
        # those who waited for one text got one verdict
        assert (await first)[1] is (await others[0])[0]

    scene.run(body)


def test_who_gives_up_takes_nothing_from_those_who_still_wait(scene: Scene) -> None:
    async def body() -> None:
        scene.scorer.gate.clear()
        impatient, patient = (
            asyncio.ensure_future(scene.scoring.score(["a", "b"])) for _ in range(2)
        )
        await until(scene.scorer.entered.is_set)
        impatient.cancel()
        await asyncio.wait([impatient])
        scene.scorer.gate.set()
        assert texts_of(await patient) == ["a", "b"]

    scene.run(body)


def test_verdicts_that_are_not_there_in_time_are_left_out(scene: Scene) -> None:
    async def body() -> None:
        assert texts_of(await scene.scoring.score_within(["a"], 20.0)) == ["a"]
        scene.scorer.gate.clear()
        scene.scorer.entered.clear()
        patient = asyncio.ensure_future(scene.scoring.score(["b"]))
        await until(scene.scorer.entered.is_set)
        other = asyncio.ensure_future(scene.scoring.score(["c"]))
        assert await scene.scoring.score_within(["b", "c", "d"], 0.02) == []
        # nobody waits for it any more; what others wait for stays
        assert set(scene.scoring._waiting) == {"c"}
        scene.scorer.gate.set()
        assert texts_of(await patient) == ["b"]
        assert texts_of(await other) == ["c"]
        assert scene.scorer.calls == [["a"], ["b"], ["c"]]

    scene.run(body)


def test_who_may_not_wait_for_long_does_not_wait_for_room_either(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PENDING_TEXTS", 1)

    async def body() -> None:
        scene.scorer.gate.clear()
        first = asyncio.ensure_future(scene.scoring.score(["a"]))
        await until(scene.scorer.entered.is_set)
        second = asyncio.ensure_future(scene.scoring.score(["b"]))
        await until(lambda: scene.scoring._waiting)
        assert await scene.scoring.score_within(["c"], 0.02) == []
        scene.scorer.gate.set()
        await asyncio.gather(first, second)

    scene.run(body)


def test_a_text_that_the_model_fails_on_stops_no_other(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    async def body() -> None:
        found = await scene.scoring.score(["a boom", "unscorable", "b"])
        assert texts_of(found) == ["a boom", "unscorable", "b"]
        assert [verdict.severity for verdict in found] == [0.999, 0.0, 0.001]
        # and the next call is as if nothing had been
        assert texts_of(await scene.scoring.score(["c"])) == ["c"]

    scene.run(body)
    value = scene.metrics.registry.get_sample_value
    assert value("tinylogbert_lines_dropped_total", {"reason": "unscorable"}) == 1
    said = capsys.readouterr()
    assert (said.out + said.err).count("the model failed on a text") == 1


def test_what_is_no_failure_of_the_model_ends_all_and_leaves_nobody_waiting(scene: Scene) -> None:
    async def live() -> None:
        scoring = Scoring(cast("Scorer", scene.scorer), scene.executor, scene.metrics)
        waiting = [
            asyncio.ensure_future(scoring.score([text])) for text in ("impossible", "another")
        ]
        with pytest.raises(ZeroDivisionError):
            await scoring.run()
        done, _ = await asyncio.wait(waiting, timeout=20)
        assert all(task.cancelled() for task in done) and len(done) == 2

    asyncio.run(live())


def test_who_asks_while_too_much_waits_has_to_wait(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PENDING_TEXTS", 10)

    async def body() -> None:
        scene.scorer.gate.clear()
        first = asyncio.ensure_future(scene.scoring.score(["a"]))
        await until(scene.scorer.entered.is_set)
        many = asyncio.ensure_future(scene.scoring.score([f"t{i}" for i in range(15)]))
        late = asyncio.ensure_future(scene.scoring.score(["late"]))
        for _ in range(20):
            await asyncio.sleep(0)
        assert "late" not in waiting(scene.scoring)
        scene.scorer.gate.set()
        await asyncio.gather(first, many, late)
        assert scene.scorer.calls[-1] == ["late"]

    scene.run(body)


def waiting(scoring: Scoring) -> Any:
    return scoring._waiting
