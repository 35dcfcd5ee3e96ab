"""The Alertmanager sink: its API of version 2, told to every member of a cluster."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from tinylogbert_daemon import logs
from tinylogbert_daemon.config.endpoint import endpoint
from tinylogbert_daemon.config.sinks import Alertmanager
from tinylogbert_daemon.sinks.message import Message, rfc3339
from tinylogbert_daemon.sinks.post import post
from tinylogbert_daemon.sinks.sink import RefusedError

_BELOW = "/api/v2/alerts"


class AlertmanagerSink:
    """Posts alerts; an alert is what its labels say, and they never change while it is open.

    An open alert has no end: Alertmanager ends it by itself once it was not repeated for its
    ``resolve_timeout``. A delivery went well if one member took it: members tell each other of
    notifications, and what is open is repeated to all.
    """

    name = "alertmanager"

    def __init__(self, config: Alertmanager, instance: str) -> None:
        self._config = config
        self._instance = instance
        self._endpoints = [endpoint(url.get_secret_value(), _BELOW) for url in config.urls]
        self._failing: set[str] = set()

    @property
    def where(self) -> str:
        """The addresses without their secrets."""
        return ", ".join(one.shown for one in self._endpoints)

    async def deliver(self, bodies: Sequence[str]) -> str:
        """Post ``bodies`` to all members; raises ``OSError`` if none took them."""
        alerts = [self._alert(Message(json.loads(body), self._instance)) for body in bodies]
        content = json.dumps(alerts).encode("ascii")
        answers: list[str] = []
        failures: list[OSError] = []
        for one in self._endpoints:
            try:
                answers.append(f"{one.shown}: {await post(one, content, self._config)}")
                self._failing.discard(one.shown)
            except OSError as error:
                failures.append(error)
                if len(self._endpoints) > 1 and one.shown not in self._failing:
                    self._failing.add(one.shown)
                    logs.get().warning("an Alertmanager does not answer", error=str(error))
        if not answers:
            # one that may take them the next time is worth the next try
            lasting = (failure for failure in failures if not isinstance(failure, RefusedError))
            raise next(lasting, failures[0])
        return "; ".join([*answers, *map(str, failures)])

    def _alert(self, message: Message) -> dict[str, object]:
        # it refuses an alert that ends before it starts, be it for a log's odd times; one without
        # an end ends resolve_timeout from now
        started = min(message.started, rfc3339(time.time()))
        alert: dict[str, object] = {
            "labels": {**self._config.labels, **message.labels},
            "annotations": message.annotations,
            "startsAt": started,
        }
        if message.ended is not None:
            alert["endsAt"] = max(message.ended, started)
        return alert
