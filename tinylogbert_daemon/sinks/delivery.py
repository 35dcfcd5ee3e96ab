"""The loop that delivers out of the durable state, at least once, one for each sink."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import TypeVar

from tinylogbert_daemon import logs
from tinylogbert_daemon.clock import Clock, SystemClock
from tinylogbert_daemon.decide.alert import body
from tinylogbert_daemon.errors import StateError
from tinylogbert_daemon.metrics import Metrics
from tinylogbert_daemon.sinks.sink import BusyError, Outlet, Patience, RefusedError
from tinylogbert_daemon.state.effects import Delivery as Owed
from tinylogbert_daemon.state.store import Store

FIRST_DELAY_SECONDS = 1.0
_LAST_REFUSED_SECONDS = 300.0
_LONGEST_BUSY_SECONDS = 3600.0
_Answer = TypeVar("_Answer")


class Delivery:
    """Delivers to one sink for ever, woken by ``wake``, backing off while it fails.

    A sink that fails is left alone for longer and longer, and all that is owed to it waits, in
    order. An alert that it refuses waits by itself, so that others can pass; it is given up in the
    end, as is one that fails for too long. ``chance`` gives numbers in [0, 1).
    """

    def __init__(
        self,
        outlet: Outlet,
        store: Store,
        executor: Executor,
        metrics: Metrics,
        *,
        patience: Patience | None = None,
        clock: Clock | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.name = outlet.sink.name
        self._outlet = outlet
        self._store = store
        self._executor = executor
        self._metrics = metrics
        self._patience = patience or Patience()
        self._clock = clock or SystemClock()
        self._chance = chance
        self.wake = asyncio.Event()
        self.wake.set()  # what a previous run owed
        self._ending = asyncio.Event()
        self._failing = False
        self._asked = 0.0  # the sink asked to be left alone for so many seconds
        self._repeat_at = self._clock.monotonic()
        metrics.expect((), (self.name,))

    async def run(self) -> None:
        """Deliver until :meth:`stop`, then what is owed still, if the sink takes it."""
        delay = FIRST_DELAY_SECONDS
        while not self._ending.is_set():
            await self._woken()
            # cleared before the look, so that what is owed from now on wakes again
            self.wake.clear()
            await self._pause(self._outlet.gather_seconds if not self._failing else 0.0)
            if self._ending.is_set():
                break
            if await self.drain() and await self._repeat():
                delay = FIRST_DELAY_SECONDS
            else:
                self.wake.set()
                # up to half of it less, so that many who wait do not come all at once
                await self._pause(max(delay * (1 - self._chance() / 2), self._asked))
                delay = min(delay * 2, self._outlet.last_delay)
        await self.drain()

    def stop(self) -> None:
        """End :meth:`run` after the batch in hand: one cut off would be delivered again."""
        self._ending.set()
        self.wake.set()

    async def drain(self) -> bool:
        """Deliver all that is owed and due now; return False if the sink or the state failed."""
        self._asked = 0.0
        try:
            while True:
                owed = await self._in_state(
                    self._store.pending, self.name, self._outlet.batch, self._clock.now()
                )
                if owed and not await self._deliver(owed):
                    return False
                if len(owed) < self._outlet.batch:
                    return True
        except StateError:
            return False  # the committer says what is wrong with the state

    async def _deliver(self, owed: Sequence[Owed]) -> bool:
        """Deliver one batch; return False if the sink fails, so that no other one need be tried.

        A crash between delivery and commit repeats the batch: ids tell the repetition.
        """
        try:
            await self._outlet.sink.deliver([self._outlet.content(one.body) for one in owed])
        except RefusedError as error:
            if len(owed) > 1:
                # which of them? The others are not to wait for it
                for one in owed:
                    if not await self._deliver([one]):
                        return False
                return True
            self._metrics.alerts_failed.labels(self.name).inc()
            await self._refused(owed[0], error)
            return True
        except OSError as error:
            self._metrics.alerts_failed.labels(self.name).inc(len(owed))
            self._say(error)
            asked = error.seconds if isinstance(error, BusyError) else 0.0
            self._asked = min(asked, _LONGEST_BUSY_SECONDS)
            await self._failed(owed, error)
            return False
        self._works()
        await self._in_state(self._store.delivered, [one.number for one in owed])
        self._metrics.alerts_sent.labels(self.name).inc(len(owed))
        return True

    async def _failed(self, owed: Sequence[Owed], error: OSError) -> None:
        now = self._clock.now()
        old = [one for one in owed if self._is_too_old(one, now)]
        await self._give_up(old, f"failed for too long; last: {error}")
        rest = [one.number for one in owed if one not in old]
        await self._in_state(lambda: self._store.postponed(rest, now))

    async def _refused(self, owed: Owed, error: RefusedError) -> None:
        now = self._clock.now()
        if owed.refusals == 0:
            logs.get().error(
                "a sink refuses an alert", sink=self.name, id=owed.incident, error=str(error)
            )
        if owed.refusals + 1 >= self._patience.refused_tries or self._is_too_old(owed, now):
            await self._give_up([owed], str(error))
            return
        delay = min(FIRST_DELAY_SECONDS * 2 ** min(owed.refusals, 30), _LAST_REFUSED_SECONDS)
        due = now + delay * (1 - self._chance() / 2)
        await self._in_state(
            lambda: self._store.postponed([owed.number], now, refused=True, due=due)
        )

    def _is_too_old(self, owed: Owed, now: float) -> bool:
        return owed.since > 0 and now - owed.since >= self._patience.give_up_seconds

    async def _give_up(self, owed: Sequence[Owed], reason: str) -> None:
        """Move alerts to the dead letters."""
        if not owed:
            return
        gone = await self._in_state(
            self._store.give_up,
            {one.number: reason for one in owed},
            self._clock.now(),
            self._patience.dead_limit,
        )
        self._metrics.alerts_dead.labels(self.name).inc(len(owed))
        if gone:
            self._metrics.alerts_suppressed.labels("dead").inc(sum(gone.values()))
        logs.get().error(
            "gave alerts up; `tinylogbert alerts dead` lists them",
            sink=self.name,
            count=len(owed),
            ids=[one.incident for one in owed[:10]],
            error=reason,
        )

    async def _repeat(self) -> bool:
        """Tell a sink that wants it what is open still; return False if it fails."""
        every = self._outlet.resend_seconds
        if not every or self._clock.monotonic() < self._repeat_at:
            return True
        try:
            found = await self._in_state(self._store.open_alerted)
            bodies = [self._outlet.content(body(incident)) for incident in found]
            for start in range(0, len(bodies), self._outlet.batch):
                with contextlib.suppress(RefusedError):  # said when it was delivered first
                    await self._outlet.sink.deliver(bodies[start : start + self._outlet.batch])
        except StateError:
            return False
        except OSError as error:
            self._say(error)
            return False
        self._works()
        self._repeat_at = self._clock.monotonic() + every
        return True

    def _say(self, error: OSError) -> None:
        if not self._failing:
            self._failing = True
            logs.get().error("cannot deliver alerts", sink=self.name, error=str(error))

    def _works(self) -> None:
        if self._failing:
            self._failing = False
            logs.get().info("delivering alerts again", sink=self.name)

    async def _woken(self) -> None:
        """Wait for something owed, or for the time to repeat what is open."""
        until = None
        if self._outlet.resend_seconds:
            until = max(0.0, self._repeat_at - self._clock.monotonic())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.wake.wait(), until)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not longer than until :meth:`stop`."""
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), seconds)

    async def _in_state(self, call: Callable[..., _Answer], *arguments: object) -> _Answer:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call, *arguments)


async def look(
    deliveries: Sequence[Delivery], store: Store, executor: Executor, metrics: Metrics
) -> None:
    """Measure what is owed and what was given up, and wake the sinks that are owed something.

    So what waits by itself is tried when it is due, and what was put back is seen.
    """
    pending, dead = await asyncio.get_running_loop().run_in_executor(
        executor, lambda: (store.pending_counts(), store.dead_counts())
    )
    for name in pending.keys() | dead.keys() | {delivery.name for delivery in deliveries}:
        metrics.deliveries_pending.labels(name).set(pending.get(name, 0))
        metrics.deliveries_dead.labels(name).set(dead.get(name, 0))
    for delivery in deliveries:
        if pending.get(delivery.name):
            delivery.wake.set()
