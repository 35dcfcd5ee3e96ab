"""A host in log time: the daemon's own processor, fed a log as it was written.

Whatever changes in how :mod:`tinylogbert_daemon.pipeline` puts its parts together is adapted to in
:func:`new_host` alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from quality_detector import Model

from tinylogbert_daemon.clock import ManualClock
from tinylogbert_daemon.config.schema import Decision
from tinylogbert_daemon.decide.budget import Budget
from tinylogbert_daemon.decide.incident import Incident
from tinylogbert_daemon.decide.incidents import IncidentBook
from tinylogbert_daemon.decide.score import Decider
from tinylogbert_daemon.model.scorer import Verdict
from tinylogbert_daemon.pipeline.process import Processor, SourceState
from tinylogbert_daemon.source.block import Block, FileKey, Position
from tinylogbert_daemon.source.logtime import parse
from tinylogbert_daemon.state import Effects

SOURCE = "bench"
BLOCK_SECONDS = 10.0
NOMINAL_LINES_A_DAY = 10_000
"""The rate of a log without times."""

_DAY = 86_400.0
_CLOCK = datetime(datetime.now().year, 12, 31).timestamp()  # after all dates, also those of no year


@dataclass(frozen=True, slots=True)
class Host:
    """A daemon's processor and its clock."""

    processor: Processor
    clock: ManualClock


def new_host(model: Model, learning_seconds: float) -> Host:
    """Return a host that has seen nothing yet, put together as the daemon does it."""
    settings = Decision()
    timestamp = float(model.artifact.manifest.training.get("timestamp", 0))
    clock = ManualClock(_CLOCK)

    async def score(texts: Sequence[str]) -> list[Verdict]:
        return model.scorer.score(texts)

    processor = Processor(
        artifact=model.artifact,
        score=score,
        cache=model.cache,
        decider=Decider.of(
            model.artifact,
            settings.threshold,
            settings.half_life_hours * 3600,
            timestamp,
            settings.alert_budget,
        ),
        incidents=IncidentBook(
            settings.quiet_seconds,
            Budget(settings.alert_budget, settings.burst),
            storm_texts=settings.storm_texts,
            storm_seconds=settings.storm_seconds,
        ),
        sources={SOURCE: SourceState()},
        clock=clock,
        learning_seconds=learning_seconds,
        sinks=(),
    )
    return Host(processor, clock)


def stream(host: Host, records: Sequence[bytes], times: Sequence[float]) -> list[Incident]:
    """Let the host read the records as they were written; return its incidents as they opened."""
    found = asyncio.run(_stream(host, records, times))
    return sorted(found.values(), key=lambda incident: incident.opened)


async def _stream(
    host: Host, records: Sequence[bytes], times: Sequence[float]
) -> dict[str, Incident]:

    incidents: dict[str, Incident] = {}
    offset = read = 0
    effects = Effects()

    def into() -> Effects:
        return effects

    dated = parse(records[0], _CLOCK) is not None
    for block_of in _blocks(times):
        data = b"\n".join(records[i] for i in block_of) + b"\n"
        read += len(block_of)
        if not dated:
            host.clock.advance(max(0.0, times[block_of[-1]] - host.clock.now()))
        after = Position(FileKey(1, 1, b"bench"), offset + len(data), read, b"")
        block = Block(SOURCE, f"{SOURCE}.log", data, offset, len(block_of), after)
        effects = Effects()
        await host.processor.process(block, into)
        incidents.update(effects.incidents)
        offset += len(data)
    return incidents


def log_times(records: Sequence[bytes]) -> list[float]:
    """Return the log time of each record, never running backwards; at a nominal rate if none."""
    times: list[float] = []
    now = next((time for line in records if (time := parse(line, _CLOCK)) is not None), None)
    if now is None:
        return [_CLOCK + i * _DAY / NOMINAL_LINES_A_DAY for i in range(len(records))]
    for line in records:
        time = parse(line, _CLOCK)
        now = max(now, time) if time is not None else now
        times.append(now)
    return times


def _blocks(times: Sequence[float]) -> Iterator[list[int]]:
    """Yield runs of positions whose times lie in the same ten seconds."""
    for _, found in groupby(range(len(times)), key=lambda i: times[i] // BLOCK_SECONDS):
        yield list(found)
