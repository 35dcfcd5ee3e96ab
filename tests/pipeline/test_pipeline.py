"""The stages together: what a failing state, a slow model and a stop do to them."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from tests.pipeline.parts import by_words, until
from tinylogbert_daemon.clock import Clock, SystemClock
from tinylogbert_daemon.config import Config, parse
from tinylogbert_daemon.errors import StateError
from tinylogbert_daemon.metrics import Metrics
from tinylogbert_daemon.model.artifact import Artifact
from tinylogbert_daemon.model.scorer import Scorer, Verdict
from tinylogbert_daemon.pipeline import commit
from tinylogbert_daemon.pipeline import run as module
from tinylogbert_daemon.pipeline.run import Pipeline
from tinylogbert_daemon.state import Effects, Store


class StubScorer:
    """An artifact with a model that reads "boom" as trouble."""

    def __init__(self, artifact: Artifact) -> None:
        self.artifact = artifact
        self.fails: Exception | None = None

    def score(self, texts: Sequence[str]) -> list[Verdict]:
        if self.fails is not None:
            raise self.fails
        return by_words(texts)


class Scene:
    """A pipeline over a directory of logs, which can be run again and again."""

    def __init__(self, directory: Path, artifact: Artifact) -> None:
        self.logs = directory / "logs"
        self.logs.mkdir()
        self.state = directory / "state"
        self.scorer = StubScorer(artifact)
        self.metrics = Metrics(CollectorRegistry())
        self.clock: Clock = SystemClock()
        self.pipeline: Pipeline
        self.store: Store
        self.config: Config = parse(
            json.dumps(
                {
                    "sources": [{"name": "app", "paths": [f"{self.logs}/*.log"]}],
                    "state_dir": str(self.state),
                    "tail": {"poll_seconds": 0.02, "scan_seconds": 0.1},
                    "decision": {"learning_hours": 0},
                    "sinks": {"log": {"enabled": False}},
                }
            ),
            "test",
        )

    def write(self, *lines: str, name: str = "a.log") -> None:
        with (self.logs / name).open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    def run(self, body: Callable[[], Awaitable[None]]) -> None:
        async def live() -> None:
            self.store = Store(self.state)
            executor = ThreadPoolExecutor(1)
            try:
                self.pipeline = Pipeline(
                    self.config,
                    scorer=cast("Scorer", self.scorer),
                    scorer_executor=executor,
                    store=self.store,
                    clock=self.clock,
                    metrics=self.metrics,
                    from_beginning=["app"],
                )
                stop = asyncio.Event()
                async with asyncio.timeout(30), asyncio.TaskGroup() as group:
                    group.create_task(self.pipeline.run(stop))
                    await body()
                    stop.set()
            finally:
                executor.shutdown()
                self.store.close()

        asyncio.run(live())

    def committed(self) -> int:
        store = Store(self.state, read_only=True)
        try:
            return sum(store.committed_lines().values())
        finally:
            store.close()

    def value(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"tinylogbert_{name}", labels) or 0.0


@pytest.fixture
def scene(tmp_path: Path, artifact: Artifact, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr(commit, "_RETRY_SECONDS", 0.01)
    yield Scene(tmp_path, artifact)


def test_from_file_to_alert(scene: Scene) -> None:
    scene.write("fine", "boom 1", "boom 2")
    alerts = scene.state / "alerts.jsonl"

    async def body() -> None:
        await until(alerts.exists)
        scene.write("fine", "boom 3", "another boom")
        await until(lambda: len(alerts.read_text().splitlines()) == 2)

    scene.run(body)
    found = [json.loads(line) for line in alerts.read_text().splitlines()]
    assert [alert["log_text"] for alert in found] == ["boom 1", "another boom"]
    assert scene.committed() == 6
    path = str(scene.logs / "a.log")
    assert scene.value("read_lines_total", path=path) == 6


def test_joined_records_in_utf_16_from_file_to_alert(scene: Scene) -> None:
    source = {
        "name": "app",
        "paths": [f"{scene.logs}/*.log"],
        "multiline": {"preset": "java", "start_pattern": "^  no"},
    }
    scene.config = parse(
        # a secret is not dumped, and an address may be one
        json.dumps({**scene.config.model_dump(exclude={"sinks"}), "sources": [source]}),
        "test",
        options={"tail.partial_seconds": 0.1},
    )
    text = "fine\nboom é\n\tat one\n\tat two\nfine\n  no trace\n"
    path = scene.logs / "a.log"
    path.write_bytes(text.encode("utf-16"))  # with its mark
    alerts = scene.state / "alerts.jsonl"

    async def body() -> None:
        await until(lambda: alerts.exists() and scene.committed() == 6)

    scene.run(body)
    (alert,) = [json.loads(line) for line in alerts.read_text().splitlines()]
    assert alert["log_text"] == "boom é \tat one \tat two"
    assert alert["line"] == 2
    assert scene.value("records_total", source="app") == 4
    assert scene.value("read_lines_total", path=str(path)) == 6
    assert scene.value("read_bytes_total", path=str(path)) == path.stat().st_size - 2


def test_a_log_compressed_while_the_daemon_was_stopped_is_finished(scene: Scene) -> None:
    scene.write("fine 1", "fine 2")

    async def body() -> None:
        await until(lambda: scene.committed() == 2)

    scene.run(body)
    scene.write("fine 3", "boom")
    log = scene.logs / "a.log"
    packed = scene.logs / "a.log.1.gz"
    packed.write_bytes(gzip.compress(log.read_bytes()))
    os.utime(packed, ns=(log.stat().st_mtime_ns, log.stat().st_mtime_ns))
    log.unlink()
    scene.write("fine 5")

    async def again() -> None:
        await until(lambda: scene.committed() == 5)

    for _ in range(2):  # once means once, also when it looks again
        scene.run(again)
    assert scene.committed() == 5
    (alert,) = [json.loads(x) for x in (scene.state / "alerts.jsonl").read_text().splitlines()]
    assert alert["log_text"] == "boom"


def test_stopping_commits_and_delivers_what_is_in_hand(scene: Scene) -> None:
    scene.write(*[f"boom {word}" for word in ("a", "b", "c")])

    async def body() -> None:
        effects = scene.pipeline.committer.effects
        await until(lambda: scene.pipeline._work._count or effects().blocks or scene.committed())

    scene.run(body)
    assert scene.committed() == 3
    assert len((scene.state / "alerts.jsonl").read_text().splitlines()) == 3


def test_a_state_that_fails_at_the_end_does_not_keep_the_daemon(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "DRAIN_SECONDS", 0.2)
    monkeypatch.setattr(commit, "PENDING_BLOCKS", 1)
    for number in range(5):
        scene.write("fine", name=f"{number}.log")

    async def body() -> None:
        monkeypatch.setattr(scene.store, "commit", _full)
        await until(lambda: scene.pipeline.committer.failure)

    scene.run(body)
    assert scene.committed() == 0
    said = capsys.readouterr()
    assert "not all was finished in time" in said.out + said.err
    monkeypatch.undo()

    async def again() -> None:
        await until(lambda: scene.committed() == 5)

    scene.run(again)


def _full(_: Effects) -> None:
    raise StateError("database or disk is full")


def test_a_model_that_takes_too_long_at_the_end_does_not_keep_the_daemon(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DRAIN_SECONDS", 0.2)
    monkeypatch.setattr("tinylogbert_daemon.pipeline.scoring.CALL_TEXTS", 1)
    scene.write(*["x" * n for n in range(1, 400)])

    def slow(texts: Sequence[str]) -> list[Verdict]:
        time.sleep(0.05)  # a slow model, not a wait for something
        return by_words(texts)

    monkeypatch.setattr(scene.scorer, "score", slow)

    async def body() -> None:
        await until(scene.pipeline._scoring.progress.is_set)

    scene.run(body)
    assert scene.committed() == 0
    monkeypatch.undo()

    async def again() -> None:
        await until(lambda: scene.committed() == 399)

    scene.run(again)


def test_a_stage_that_breaks_ends_the_pipeline_and_loses_nothing(scene: Scene) -> None:
    scene.write("1", "2")

    async def body() -> None:
        await asyncio.Event().wait()

    scene.scorer.fails = ZeroDivisionError("a mistake of ours")
    with pytest.raises(ExceptionGroup) as caught:
        scene.run(body)
    assert caught.group_contains(ZeroDivisionError)
    scene.scorer.fails = None

    async def again() -> None:
        await until(lambda: scene.committed() == 2)

    scene.run(again)


def test_a_state_that_cannot_be_read_for_a_while_is_no_end(scene: Scene) -> None:
    async def body() -> None:
        count = scene.store.pending_counts

        def fail() -> Any:
            scene.store.pending_counts = count  # type: ignore[method-assign]
            raise StateError("cannot read the state")

        scene.store.pending_counts = fail  # type: ignore[method-assign]
        await until(lambda: scene.store.pending_counts is count)
        scene.write("boom")
        await until(lambda: scene.committed() == 1)

    scene.run(body)


def test_model_calls_are_progress_too(scene: Scene) -> None:
    async def body() -> None:
        scene.pipeline._work._since = scene.pipeline._clock.monotonic() - 1000
        assert scene.pipeline.stuck_seconds() >= 1000
        scene.pipeline._scoring.progress.set()
        assert scene.pipeline.stuck_seconds() < 10
        scene.pipeline._work._since = None

    scene.run(body)


def test_each_restart_goes_on_where_the_last_one_ended(scene: Scene) -> None:
    total = 0
    for _ in range(5):
        for _ in range(3):
            scene.write(*[f"line {n}" for n in range(100)])
            total += 100
        wanted = total

        async def body() -> None:
            await until(lambda: scene.committed() >= wanted - 200)  # noqa: B023

        scene.run(body)

    async def rest() -> None:
        await until(lambda: scene.committed() >= total)

    scene.run(rest)
    assert scene.committed() == total
    store = Store(scene.state)
    assert store.sources()["app"][0] == total
    # they are all of one text, and no restart begins a new episode of it
    assert [round(count) for _, count, _ in store.counts()] == [1]
    store.close()


def test_the_state_is_pruned_now_and_then(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MEASURE_SECONDS", 0.01)
    monkeypatch.setattr(module, "PRUNE_SECONDS", 0.05)
    pruned: list[int] = []

    async def body() -> None:
        monkeypatch.setattr(scene.store, "prune", lambda *_: pruned.append(1))
        await until(lambda: len(pruned) > 1)

    scene.run(body)


def test_a_restart_neither_refills_the_budget_nor_forgets_what_is_open(scene: Scene) -> None:
    decision = scene.config.decision.model_copy(update={"burst": 1})
    scene.config = scene.config.model_copy(update={"decision": decision})
    suppressed = []
    for line in ("boom a", "boom b", "boom a"):
        scene.write(line)
        wanted = scene.committed() + 1 if scene.state.exists() else 1

        async def body() -> None:
            await until(lambda: scene.state.exists() and scene.committed() == wanted)  # noqa: B023

        scene.run(body)
        store = Store(scene.state, read_only=True)
        suppressed.append(store.suppressed_totals())
        assert store.open_incidents() == min(2, wanted)
        store.close()
    assert suppressed == [{}, {"budget": 1}, {"budget": 1, "open": 1}]
    # a stop between delivering and striking off delivers again: at least once
    sent = map(json.loads, (scene.state / "alerts.jsonl").read_text().splitlines())
    assert {(one["status"], one["log_text"]) for one in sent} == {("open", "boom a")}


def test_an_incident_is_closed_and_said_so_without_more_lines(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MEASURE_SECONDS", 0.02)
    decision = scene.config.decision.model_copy(update={"quiet_seconds": 0.2})
    scene.config = scene.config.model_copy(update={"decision": decision})
    scene.write("boom")
    alerts = scene.state / "alerts.jsonl"

    async def body() -> None:
        await until(lambda: alerts.exists() and len(alerts.read_text().splitlines()) == 2)

    scene.run(body)
    opening, closing = [json.loads(line) for line in alerts.read_text().splitlines()]
    assert (opening["status"], closing["status"]) == ("open", "closed")
    assert opening["id"] == closing["id"]
