"""Templates of a webhook's JSON: strings of the configuration in which ``${field}`` is replaced.

A template is data, never a program: what is put in is not looked at again, and all of it becomes
JSON only afterwards, so that no log line can add a key, a value or a field.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import JsonValue

FIELDS = (
    *("id", "status", "state", "kind", "priority", "source", "instance", "path", "offset", "line"),
    *("time", "last_seen", "closed", "started_at", "ended_at", "close_reason", "duration"),
    *(
        "log_text",
        "level",
        "message",
        "last_line",
        "text",
        "hash",
        "reason",
        "words",
        "nearest",
        "storm",
    ),
    *("score", "raw", "severity", "novelty", "model", "records", "repeats", "suppressed"),
    *("summary", "description", "labels", "annotations"),
)
"""What ``${…}`` may name: the alert's own values, and what is made of them for people."""

DEPTH = 20
_FIELD = re.compile(r"\$\{([^{}]*)\}")


def check(template: JsonValue, depth: int = 0) -> None:
    """Raise ``ValueError`` if a field is not known, or the template nests too deeply."""
    if depth > DEPTH:
        raise ValueError(f"must not nest deeper than {DEPTH} levels")
    if isinstance(template, dict):
        for key, value in template.items():
            if _FIELD.search(key):
                raise ValueError("fields are put into values, not into keys")
            check(value, depth + 1)
    elif isinstance(template, list):
        for value in template:
            check(value, depth + 1)
    elif isinstance(template, str):
        for name in _FIELD.findall(template):
            if name not in FIELDS:
                near = difflib.get_close_matches(name, FIELDS, 1, 0.5)
                hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(FIELDS)}"
                raise ValueError(f"no field is named {name!r}; {hint}")


def fill(template: Any, fields: Mapping[str, Any], escape: Callable[[str], str]) -> Any:
    """Return ``template`` with the values of ``fields`` in the place of their names.

    A string that is one field becomes its value, whatever type that has; within a longer string
    text is put in as it is and anything else as JSON. ``escape`` is applied to every text put in.

    >>> fill({"n": "${line}", "t": "line ${line} of ${path}"}, {"line": 7, "path": "/a"}, str)
    {'n': 7, 't': 'line 7 of /a'}
    """
    if isinstance(template, dict):
        return {key: fill(value, fields, escape) for key, value in template.items()}
    if isinstance(template, list):
        return [fill(value, fields, escape) for value in template]
    if not isinstance(template, str):
        return template
    if whole := _FIELD.fullmatch(template):
        return _escaped(fields[whole[1]], escape)
    return _FIELD.sub(lambda found: _text(_escaped(fields[found[1]], escape)), template)


def _escaped(value: Any, escape: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, dict):
        return {key: _escaped(one, escape) for key, one in value.items()}
    if isinstance(value, list):
        return [_escaped(one, escape) for one in value]
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
