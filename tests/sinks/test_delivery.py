"""Deliveries out of the state: at least once, in order, with a growing pause while a sink fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from tinylogbert_daemon.errors import StateError
from tinylogbert_daemon.metrics import Metrics
from tinylogbert_daemon.sinks import sink as module
from tinylogbert_daemon.sinks.jsonl import JsonlSink
from tinylogbert_daemon.sinks.sink import BATCH, Delivery
from tinylogbert_daemon.state import Effects, Store


class Recorder:
    """A sink that fails ``failures`` times, then keeps what it is given."""

    name = "test"

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.bodies: list[str] = []
        self.calls: list[int] = []
        self.before: Callable[[], None] = lambda: None

    async def deliver(self, bodies: Sequence[str]) -> None:
        self.calls.append(len(bodies))
        self.before()
        if self.failures:
            self.failures -= 1
            raise ConnectionError("nobody listens")
        self.bodies += bodies


class Scene:
    """A store with its one thread, and metrics."""

    def __init__(self, directory: Path) -> None:
        self.store = Store(directory)
        self.executor = ThreadPoolExecutor(1)
        self.metrics = Metrics(CollectorRegistry())

    def owe(self, *bodies: str, sink: str = "test") -> None:
        self.store.commit(Effects(deliveries=[(sink, body, body) for body in bodies]))

    def delivery(self, sink: module.Sink) -> Delivery:
        return Delivery(sink, self.store, self.executor, self.metrics)

    def value(self, name: str, sink: str = "test") -> float | None:
        return self.metrics.registry.get_sample_value(f"tinylogbert_{name}", {"sink": sink})


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path / "state")
    yield made
    made.executor.shutdown()
    made.store.close()


def test_all_that_is_owed_is_delivered_once_and_in_order(scene: Scene) -> None:
    bodies = [str(number) for number in range(2 * BATCH + 30)]
    scene.owe(*bodies)
    scene.owe("not ours", sink="another")
    sink = Recorder()
    assert asyncio.run(scene.delivery(sink).drain())
    assert sink.bodies == bodies
    assert sink.calls == [BATCH, BATCH, 30]
    assert scene.store.pending_counts() == {"another": 1}
    assert scene.value("alerts_sent_total") == len(bodies)
    assert scene.value("alerts_failed_total") == 0
    assert asyncio.run(scene.delivery(sink).drain())
    assert sink.bodies == bodies


def test_what_failed_is_still_owed_and_counted(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.owe("a", "b")
    sink = Recorder(failures=2)
    delivery = scene.delivery(sink)
    assert [asyncio.run(delivery.drain()) for _ in range(3)] == [False, False, True]
    assert sink.bodies == ["a", "b"]
    assert scene.value("alerts_failed_total") == 4
    assert scene.value("alerts_sent_total") == 2
    said = capsys.readouterr()
    assert (said.out + said.err).count("cannot deliver alerts") == 1


def test_a_crash_after_the_delivery_repeats_it(scene: Scene) -> None:
    scene.owe("a")
    sink = Recorder()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scene.store, "delivered", _state_gone)
        assert not asyncio.run(scene.delivery(sink).drain())
    assert asyncio.run(scene.delivery(sink).drain())
    assert sink.bodies == ["a", "a"]


def _state_gone(*_: object) -> None:
    raise StateError("the disk is full")


def test_a_state_that_cannot_be_read_is_no_crash(scene: Scene) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scene.store, "pending", _state_gone)
        assert not asyncio.run(scene.delivery(Recorder()).drain())


def test_it_pauses_longer_and_longer_while_the_sink_fails(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = []

    async def pause(ending: Coroutine[None, None, bool], seconds: float) -> None:
        ending.close()
        pauses.append(seconds)
        raise TimeoutError

    monkeypatch.setattr(asyncio, "wait_for", pause)
    scene.owe("a")
    sink = Recorder(failures=12)

    async def live() -> None:
        task = asyncio.ensure_future(scene.delivery(sink).run())
        while not scene.value("alerts_sent_total"):
            await asyncio.wait([task], timeout=0.005)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(live())
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert sink.bodies == ["a"]


def test_what_comes_to_be_owed_during_a_delivery_is_not_left_lying(scene: Scene) -> None:
    sink = Recorder()
    delivery = scene.delivery(sink)
    scene.owe("a")

    def more() -> None:
        # as a commit does, in the middle of the delivery of what was owed before
        if "b" not in {owed.body for owed in scene.store.pending("test", 10)} | set(sink.bodies):
            scene.owe("b")
            delivery.wake.set()

    sink.before = more

    async def live() -> None:
        task = asyncio.ensure_future(delivery.run())
        async with asyncio.timeout(10):
            while sink.bodies != ["a", "b"]:
                await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(live())


def test_jsonl_at_least_once_through_a_failure(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "below" / "alerts.jsonl"
    scene.owe("1", "2", sink="jsonl")
    delivery = scene.delivery(JsonlSink(path))
    assert not asyncio.run(delivery.drain())
    path.parent.mkdir()
    assert asyncio.run(delivery.drain())
    assert path.read_text() == "1\n2\n"
    assert scene.value("alerts_failed_total", "jsonl") == 2
