"""Incidents and feedback as the API, the stream and the commands show them."""

from __future__ import annotations

from typing import Any

from tinylogbert_daemon.decide.alert import Alert, alert
from tinylogbert_daemon.decide.feedback import Feedback
from tinylogbert_daemon.decide.incident import Incident


def shown(incident: Incident) -> dict[str, Any]:
    """Return an incident with the fields of its alert, and what became of that."""
    found: Alert = alert(incident)
    muted = incident.muted
    return {
        **found,
        "opened": incident.opened,
        "peak": round(incident.peak, 6),
        "alerted": incident.alerted,
        "withheld": incident.withheld,
        "muted": None
        if muted is None
        else {
            "feedback": muted.feedback,
            "kind": muted.kind,
            "author": muted.author,
            "until": muted.until,
        },
        "curve": None if incident.curve is None else incident.curve._asdict(),
    }


def shown_feedback(entry: Feedback, now: float) -> dict[str, Any]:
    """Return an entry of feedback; ``active`` says whether it holds at ``now``."""
    return {
        "number": entry.number,
        "kind": entry.kind,
        "key": f"{entry.key:016x}",
        "text": entry.text,
        "sample": entry.sample,
        "near": entry.near,
        "created": entry.created,
        "expires": entry.expires,
        "author": entry.author,
        "note": entry.note,
        "undone": entry.undone,
        "undone_by": entry.undone_by,
        "active": entry.active(now),
    }
