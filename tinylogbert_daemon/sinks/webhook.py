"""The webhook sink: Alertmanager's body of version "4", or JSON made of a template."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any

from tinylogbert_daemon.config.endpoint import endpoint
from tinylogbert_daemon.config.sinks import Webhook
from tinylogbert_daemon.config.template import fill
from tinylogbert_daemon.sinks.message import Message
from tinylogbert_daemon.sinks.post import post

_ESCAPES: dict[str, Callable[[str], str]] = {
    "none": lambda text: text,
    "html": lambda text: html.escape(text, quote=False),
}


class WebhookSink:
    """Posts each alert by itself, so that one that is refused holds no other one up.

    The header ``Idempotency-Key`` is the same whenever a delivery is repeated.
    """

    name = "webhook"

    def __init__(self, config: Webhook, instance: str) -> None:
        self._config = config
        self._instance = instance
        self._endpoint = endpoint(config.url.get_secret_value())
        self.where = self._endpoint.shown

    async def deliver(self, bodies: Sequence[str]) -> str:
        """Post ``bodies`` one after the other; raises ``OSError``."""
        answer = ""
        for body in bodies:
            message = Message(json.loads(body), self._instance)
            state = "closed" if message.closed else "open"
            answer = await post(
                self._endpoint,
                json.dumps(self.body(message)).encode("ascii"),
                self._config,
                self._config.headers,
                {"Idempotency-Key": f"{message.id}-{state}"},
            )
        return f"{self.where}: {answer}"

    def body(self, message: Message) -> dict[str, Any]:
        """Return what is posted for one alert."""
        escape = _ESCAPES[self._config.escape]
        if self._config.template:
            filled: dict[str, Any] = fill(self._config.template, message.fields(), escape)
            return filled
        return version_4(message, escape)


def version_4(message: Message, escape: Callable[[str], str]) -> dict[str, Any]:
    """Return the body that Alertmanager's own webhook receiver gets, of a group of one alert."""
    state = "resolved" if message.closed else "firing"
    labels = {name: escape(text) for name, text in message.labels.items()}
    annotations = {name: escape(text) for name, text in message.annotations.items()}
    identity = json.dumps(message.labels, sort_keys=True).encode()
    fingerprint = blake2b(identity, digest_size=8).hexdigest()
    return {
        "version": "4",
        "groupKey": f"tinylogbert:{fingerprint}",
        "truncatedAlerts": 0,
        "status": state,
        "receiver": "tinylogbert",
        "groupLabels": {"alertname": labels["alertname"]},
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": "",
        "alerts": [
            {
                "status": state,
                "labels": labels,
                "annotations": annotations,
                "startsAt": message.started,
                # Go's zero time: Alertmanager's way to say that it has not ended
                "endsAt": message.ended or "0001-01-01T00:00:00Z",
                "generatorURL": "",
                "fingerprint": fingerprint,
            }
        ],
    }
