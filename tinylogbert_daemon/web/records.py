"""Incidents and feedback out of the state, read in a thread of their own."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from tinylogbert_daemon.decide.feedback import Feedback
from tinylogbert_daemon.decide.incident import Incident
from tinylogbert_daemon.state import Store
from tinylogbert_daemon.state import feedback as records
from tinylogbert_daemon.state.browse import Filter, find, one

_T = TypeVar("_T")


class Records:
    """A read-only view of the state in ``directory``; raises :class:`StateError`."""

    def __init__(self, directory: Path) -> None:
        self._store = Store(directory, read_only=True)
        self._thread = ThreadPoolExecutor(1, "records")

    def close(self) -> None:
        """Close it."""
        self._thread.shutdown(wait=True)
        self._store.close()

    async def incidents(
        self, filter_: Filter, limit: int, cursor: str | None
    ) -> tuple[list[Incident], str | None]:
        """Return a page of incidents and the cursor of the next; see :func:`browse.find`."""
        return await self._ask(partial(find, filter_=filter_, limit=limit, cursor=cursor))

    async def incident(self, id_: str) -> Incident | None:
        """Return one incident."""
        return await self._ask(partial(one, id_=id_))

    async def feedback(
        self, *, active_at: float | None = None, before: int | None = None, limit: int
    ) -> list[Feedback]:
        """Return entries of feedback, the newest first."""
        return await self._ask(
            partial(records.entries, active_at=active_at, before=before, limit=limit)
        )

    async def _ask(self, query: Callable[[sqlite3.Connection], _T]) -> _T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._store.ask, query)
