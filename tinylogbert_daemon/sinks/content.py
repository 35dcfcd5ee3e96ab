"""What of a line a sink is told: ``full``, ``masked`` or ``none`` of it.

The state holds lines masked already, unless ``privacy.mask`` is off: what ``full`` sends is what is
there. Texts, reasons and words name no secret in either case.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from tinylogbert_daemon.config.schema import Content
from tinylogbert_daemon.decide.explain import LEAST_EXPECTED
from tinylogbert_daemon.privacy import Masker


def content(kind: Content, masker: Masker) -> Callable[[str], str]:
    """Return a function from an alert, as one line of JSON, to what a sink is told of it."""
    if kind == "full":
        return _full
    if kind == "none":
        return _without_text
    return lambda body: _masked(body, masker)


def _full(body: str) -> str:
    return body


def _masked(body: str, masker: Masker) -> str:
    """Mask the raw lines: what was owed before masking was configured may hold secrets."""
    alert = json.loads(body)
    storm = alert.get("storm")
    for found in (alert, *(storm["examples"] if storm else ())):
        for name in ("log_text", "message", "last_line"):
            if name in found:
                found[name] = masker.line(found[name])
    return json.dumps(alert)


def _without_text(body: str) -> str:
    """Leave nothing of the line: ``hash`` tells only whether two alerts are of the same text."""
    alert: dict[str, Any] = json.loads(body)
    text = alert.get("text", "")
    alert |= {"log_text": "", "message": "", "last_line": "", "text": ""}
    alert |= {"words": [], "nearest": None}
    alert["reason"] = alert["reason"].partition(f"; {LEAST_EXPECTED}")[0]
    if alert.get("storm"):
        alert["storm"]["examples"] = []
    alert["hash"] = blake2b(text.encode(), digest_size=8).hexdigest()
    return json.dumps(alert)
