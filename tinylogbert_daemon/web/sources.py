"""How each source stands, out of what is followed now and what the state remembers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from tinylogbert_daemon.web.models import FormatView, SourceView
from tinylogbert_daemon.web.status import FileFormat, SourceStatus

LAGGING_BYTES = 8 * 1024 * 1024
"""More than this not read yet: some blocks, so that a source that is merely busy is not one."""


class Reading(NamedTuple):
    """A path of a source that is matched now."""

    source: str
    lag_bytes: int
    unreadable: bool
    format: FileFormat


def source_views(
    configured: Iterable[str],
    known: Mapping[str, SourceStatus],
    lines: Mapping[str, int],
    followed: Iterable[Reading],
) -> list[SourceView]:
    """Return the configured sources in their order, then others that are known, by name."""
    paths: dict[str, list[Reading]] = {}
    for path in followed:
        paths.setdefault(path.source, []).append(path)
    names = list(dict.fromkeys([*configured, *sorted(known)]))
    return [_view(name, known.get(name), lines.get(name, 0), paths.get(name, [])) for name in names]


def _view(name: str, known: SourceStatus | None, lines: int, paths: list[Reading]) -> SourceView:
    readable = [path for path in paths if not path.unreadable]
    lag = sum(path.lag_bytes for path in readable)
    state: Literal["learning", "watching", "lagging", "missing"]
    if not readable:
        state = "missing"
    elif lag > LAGGING_BYTES:
        state = "lagging"
    elif known is None or known["learning"]:
        state = "learning"
    else:
        state = "watching"
    return SourceView(
        name=name,
        state=state,
        files=len(readable),
        unreadable=len(paths) - len(readable),
        lines=lines,
        records=known["records"] if known is not None else 0,
        lag_bytes=lag,
        log_time=known["log_time"] if known is not None else None,
        formats=_formats(readable),
    )


def _formats(paths: list[Reading]) -> list[FormatView]:
    counts = Counter((path.format["name"], path.format["how"]) for path in paths)
    found = [FormatView(name=name, how=how, files=n) for (name, how), n in counts.items()]
    return sorted(found, key=lambda one: (-one.files, one.name or "~", one.how))
