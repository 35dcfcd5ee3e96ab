"""Deliveries out of the state: at least once, in order, with a growing pause while a sink fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from tests.state.effects import block_effects, incident
from tinylogbert_daemon.clock import ManualClock
from tinylogbert_daemon.errors import StateError
from tinylogbert_daemon.metrics import Metrics
from tinylogbert_daemon.sinks.delivery import Delivery, look
from tinylogbert_daemon.sinks.jsonl import JsonlSink
from tinylogbert_daemon.sinks.sink import BATCH, BusyError, Outlet, Patience, RefusedError, Sink
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
        self.clock = ManualClock(1000.0)

    def owe(self, *bodies: str, sink: str = "test") -> None:
        self.store.commit(Effects(deliveries=[(sink, body, body) for body in bodies]))

    def delivery(self, sink: Sink, patience: Patience | None = None, **outlet: Any) -> Delivery:
        return Delivery(
            Outlet(sink, **outlet),
            self.store,
            self.executor,
            self.metrics,
            patience=patience,
            clock=self.clock,
            chance=lambda: 0.0,
        )

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

    async def pause(ending: Coroutine[None, None, bool], seconds: float | None) -> None:
        if seconds is None:
            await ending
            return
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
    assert pauses == [1, 2, 4, 8, 16, 32, *[60] * 6]
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


class Picky(Recorder):
    """A sink that refuses whatever holds "bad", in whatever batch it comes."""

    async def deliver(self, bodies: Sequence[str]) -> None:
        if any("bad" in body for body in bodies):
            self.calls.append(len(bodies))
            error = RefusedError("HTTP 400")
            error.answer = "bad, it says"
            raise error
        await super().deliver(bodies)


def test_a_refused_alert_holds_no_other_one_up(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.owe("a", "bad", "b")
    sink = Picky()
    delivery = scene.delivery(sink)
    assert asyncio.run(delivery.drain())
    assert sink.bodies == ["a", "b"]
    assert sink.calls == [3, 1, 1, 1]
    assert [one.body for one in scene.store.pending("test", 10)] == ["bad"]
    # it waits by itself, for longer each time
    assert asyncio.run(delivery.drain())
    assert len(sink.calls) == 4
    for seconds in (1.0, 2.0, 4.0):
        scene.clock.advance(seconds - 0.01)
        asyncio.run(delivery.drain())
        calls = len(sink.calls)
        scene.clock.advance(0.02)
        asyncio.run(delivery.drain())
        assert len(sink.calls) == calls + 1
    said = capsys.readouterr()
    assert (said.out + said.err).count("a sink refuses an alert") == 1
    assert "it says" not in said.out + said.err


def test_a_refused_alert_is_given_up_after_so_many_tries(scene: Scene) -> None:
    scene.owe("bad")
    sink = Picky()
    delivery = scene.delivery(sink, Patience(refused_tries=3))
    for _ in range(5):
        asyncio.run(delivery.drain())
        scene.clock.advance(600.0)
    assert sink.calls == [1, 1, 1]
    assert scene.store.pending_counts() == {}
    (letter,) = scene.store.dead_letters()
    assert (letter.sink, letter.body, letter.attempts) == ("test", "bad", 3)
    assert (letter.reason, letter.died) == ("HTTP 400", 2200.0)
    value = scene.metrics.registry.get_sample_value
    assert value("tinylogbert_alerts_dead_total", {"sink": "test"}) == 1
    assert scene.value("alerts_failed_total") == 3
    asyncio.run(look([delivery], scene.store, scene.executor, scene.metrics))
    assert value("tinylogbert_deliveries_dead", {"sink": "test"}) == 1
    assert scene.value("deliveries_pending") == 0


def test_failed_tries_are_no_refusals_and_age_gives_up(scene: Scene) -> None:
    scene.owe("a")
    sink = Recorder(failures=30)
    delivery = scene.delivery(sink, Patience(refused_tries=2, give_up_seconds=100.0))
    for _ in range(10):
        assert not asyncio.run(delivery.drain())
        scene.clock.advance(9.9)
    assert scene.store.pending_counts() == {"test": 1}
    scene.clock.advance(1.1)
    assert not asyncio.run(delivery.drain())
    assert scene.store.pending_counts() == {}
    (letter,) = scene.store.dead_letters()
    assert letter.reason == "failed for too long; last: nobody listens"
    # put back, it begins anew
    sink.failures = 0
    assert scene.store.revive() == 1
    assert asyncio.run(delivery.drain())
    assert sink.bodies == ["a"]
    assert scene.store.dead_letters() == []


def test_dead_letters_are_bounded_and_what_goes_is_counted(scene: Scene) -> None:
    scene.owe(*(f"bad {number}" for number in range(5)))
    asyncio.run(scene.delivery(Picky(), Patience(refused_tries=1, dead_limit=2)).drain())
    assert [letter.body for letter in scene.store.dead_letters()] == ["bad 3", "bad 4"]
    value = scene.metrics.registry.get_sample_value
    assert value("tinylogbert_alerts_suppressed_total", {"reason": "dead"}) == 3


def test_it_waits_as_long_as_the_sink_asks(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = BusyError("HTTP 429")
    busy.seconds = 77.0
    sink = Recorder()
    raised = [busy]

    def refuse() -> None:
        if raised:
            raise raised.pop()

    sink.before = refuse
    pauses: list[float] = []
    scene.owe("a")
    delivery = scene.delivery(sink)

    async def pause(seconds: float) -> None:
        if seconds:
            pauses.append(seconds)
        else:
            await asyncio.sleep(0)

    monkeypatch.setattr(delivery, "_pause", pause)

    async def live() -> None:
        task = asyncio.ensure_future(delivery.run())
        async with asyncio.timeout(10):
            while not sink.bodies:
                await asyncio.sleep(0.001)
        delivery.stop()
        await task

    asyncio.run(live())
    assert pauses == [77.0]


def test_a_sink_that_hangs_delays_no_other_one(scene: Scene) -> None:
    class Hanging(Recorder):
        name = "hanging"

        async def deliver(self, bodies: Sequence[str]) -> None:
            await asyncio.Event().wait()

    scene.owe("a", sink="hanging")
    scene.owe("b")
    well = Recorder()

    async def live() -> None:
        deliveries = [scene.delivery(Hanging()), scene.delivery(well)]
        tasks = [asyncio.ensure_future(one.run()) for one in deliveries]
        async with asyncio.timeout(10):
            while not well.bodies:
                await asyncio.sleep(0.001)
        # nor its end
        for one in deliveries:
            one.stop()
        await tasks[1]
        assert not tasks[0].done()
        tasks[0].cancel()
        await asyncio.wait(tasks)

    asyncio.run(live())
    assert scene.store.pending_counts() == {"hanging": 1}


def test_alerts_are_gathered_and_the_end_does_not_wait_for_more(scene: Scene) -> None:
    sink = Recorder()

    async def live() -> None:
        delivery = scene.delivery(sink, gather_seconds=3600.0)
        task = asyncio.ensure_future(delivery.run())
        scene.owe("a")
        await asyncio.sleep(0.05)
        scene.owe("b")
        assert sink.calls == []
        delivery.stop()
        async with asyncio.timeout(10):
            await task

    asyncio.run(live())
    assert sink.calls == [2]


def test_what_is_open_is_repeated_and_what_was_withheld_or_closed_is_not(scene: Scene) -> None:
    effects = block_effects(1)
    effects.deliveries = []
    closed = incident(2, closed=2000.0)
    withheld = replace(incident(3), alerted=False)
    effects.incidents = {one.id: one for one in (incident(1), closed, withheld)}
    scene.store.commit(effects)
    sink = Recorder()
    delivery = scene.delivery(sink, resend_seconds=60.0)

    async def live() -> None:
        assert await delivery._repeat()
        assert [json.loads(body)["id"] for body in sink.bodies] == [incident(1).id]
        scene.clock.advance(59.0)
        assert await delivery._repeat()
        assert len(sink.bodies) == 1
        scene.clock.advance(1.0)
        # the loop does it by itself
        task = asyncio.ensure_future(delivery.run())
        async with asyncio.timeout(10):
            while len(sink.bodies) < 2:
                await asyncio.sleep(0.001)
        delivery.stop()
        await task
        # a failed one is tried again at once
        scene.clock.advance(60.0)
        sink.failures = 1
        assert not await delivery._repeat()
        assert await delivery._repeat()
        assert len(sink.bodies) == 3

    asyncio.run(live())


def test_a_sink_that_fails_is_left_alone_for_so_long_and_no_longer(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    delivery = scene.delivery(Recorder(failures=9), last_delay=10.0)

    async def pause(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 16:
            delivery.stop()

    monkeypatch.setattr(delivery, "_pause", pause)
    scene.owe("a")
    asyncio.run(delivery.run())
    assert [seconds for seconds in waited if seconds] == [1, 2, 4, 8, 10, 10, 10, 10]
