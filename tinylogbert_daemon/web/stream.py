"""Incidents as they change, to whoever listens: server-sent events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from tinylogbert_daemon.decide.incident import Incident
from tinylogbert_daemon.errors import ServiceError
from tinylogbert_daemon.web.shown import shown

CLIENTS = 16
"""Listeners at once; a further one is answered 503."""

WAITING = 256
"""Incidents that wait for one listener; of more the oldest are dropped, and that is said."""

HEARTBEAT_SECONDS = 15.0
"""How long a listener hears nothing."""

GATHER_SECONDS = 0.25
"""Time between two messages: of an incident that changes all the time, the last state is told."""


class Hub:
    """Tells listeners of incidents; used from the event loop alone."""

    def __init__(
        self,
        clients: int = CLIENTS,
        waiting: int = WAITING,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._most = clients
        self._waiting = waiting
        self._heartbeat = heartbeat_seconds
        self._clients: set[_Client] = set()
        self._closed = False

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._clients)

    def publish(self, incidents: Sequence[Incident]) -> None:
        """Tell every listener of ``incidents``; never waits."""
        for client in self._clients:
            client.put(incidents, self._waiting)

    def close(self) -> None:
        """End every stream."""
        self._closed = True
        for client in self._clients:
            client.wake.set()

    def listen(self) -> AsyncIterator[bytes]:
        """Return what one listener is sent; raises :class:`ServiceError` if there are too many."""
        if len(self._clients) >= self._most:
            raise ServiceError(f"{self._most} clients listen already; try again later")
        return self._messages()

    async def _messages(self) -> AsyncIterator[bytes]:
        # not before: of messages that nobody begins to read, nothing would take it out again
        client = _Client()
        self._clients.add(client)
        try:
            yield b"retry: 3000\n\n"
            while not self._closed:
                try:
                    async with asyncio.timeout(self._heartbeat):
                        await client.wake.wait()
                except TimeoutError:
                    yield b": nothing new\n\n"
                    continue
                yield client.take()
                await asyncio.sleep(GATHER_SECONDS)
        finally:
            self._clients.discard(client)


class _Client:
    """What one listener has not been sent yet: of each incident the last state."""

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        self._pending: dict[str, Incident] = {}
        self._lost = 0

    def put(self, incidents: Sequence[Incident], most: int) -> None:
        for incident in incidents:
            self._pending.pop(incident.id, None)
            self._pending[incident.id] = incident
        while len(self._pending) > most:
            del self._pending[next(iter(self._pending))]
            self._lost += 1
        if incidents:
            self.wake.set()

    def take(self) -> bytes:
        self.wake.clear()
        pending, self._pending = self._pending, {}
        lost, self._lost = self._lost, 0
        messages = [_message("incident", shown(one)) for one in pending.values()]
        if lost:
            messages.insert(0, _message("lost", {"count": lost}))
        return b"".join(messages)


def _message(event: str, content: Any) -> bytes:
    # ASCII without a newline, whatever a log line holds: it cannot end the message
    return f"event: {event}\ndata: {json.dumps(content)}\n\n".encode()
