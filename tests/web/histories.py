"""The application with a real state behind it: incidents, feedback and the stream."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from tests.decide.anomalies import anomaly
from tests.web.doubles import StubDetector, StubHealth
from tinylogbert_daemon.decide.feedback import Feedback
from tinylogbert_daemon.decide.incident import Incident, Muted
from tinylogbert_daemon.state import Effects, Store
from tinylogbert_daemon.state import feedback as records
from tinylogbert_daemon.state.feedback import Asked
from tinylogbert_daemon.web.access import Access
from tinylogbert_daemon.web.app import History, create_app
from tinylogbert_daemon.web.records import Records
from tinylogbert_daemon.web.stream import Hub

TOKEN = "t" * 43
BEARER = {"authorization": f"Bearer {TOKEN}"}
NOW = 5000.0


def incident(
    number: int, *, source: str = "app", closed: float | None = None, muted: bool = False
) -> Incident:
    first = anomaly(
        f"disk {'abcdefghij'[number % 10]} failed",
        offset=number,
        source=source,
        time=1000.0 + number,
        first_line=f"kernel: Disk {number} failed \x1b[31m<b>",
    )
    return Incident(
        first.id,
        first,
        first.time,
        first.time + 5,
        1,
        first.first_line,
        not muted,
        closed,
        withheld="muted" if muted else "",
        peak=first.score,
        muted=Muted(3, "mute", "anna", 9000.0) if muted else None,
    )


class StoreCommands:
    """The command port on a store alone, without a pipeline that heeds what is said."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, asked: Asked) -> Feedback:
        describe = partial(records.describe, asked=asked, now=NOW, masker=None)
        added = await self.take([self._store.ask(describe)])
        return added[0] if added else records.entries(self._store.ask(lambda db: db))[0]

    async def take(self, entries: Sequence[Feedback]) -> list[Feedback]:
        return self._store.change(partial(records.add, entries=entries))

    async def undo(self, number: int, author: str) -> Feedback:
        return self._store.change(partial(records.undo, number=number, author=author, now=NOW + 1))


@contextmanager
def history_app(
    directory: Path, incidents: Sequence[Incident] = (), hub: Hub | None = None
) -> Iterator[FastAPI]:
    """Give the application over a state that holds ``incidents``."""
    store = Store(directory)
    store.commit(Effects(incidents={one.id: one for one in incidents}))
    view = Records(directory)
    try:
        yield create_app(
            detector=StubDetector(),
            registry=CollectorRegistry(),
            health=StubHealth(),
            version="9.9",
            access=Access(TOKEN),
            history=History(view, hub or Hub(), StoreCommands(store), lambda: NOW),
        )
    finally:
        view.close()
        store.close()


async def soon() -> None:
    """Let every task that can run do so."""
    for _ in range(20):
        await asyncio.sleep(0)
