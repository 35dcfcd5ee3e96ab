"""Effects of blocks are committed whole, in order and once, whatever the store does meanwhile."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from tests.pipeline.parts import until
from tests.state.effects import PATH, SOURCE, block_effects, file_key
from tinylogbert_daemon.errors import DamagedStateError, StateError
from tinylogbert_daemon.metrics import Metrics
from tinylogbert_daemon.pipeline import commit as module
from tinylogbert_daemon.pipeline.commit import Committer
from tinylogbert_daemon.pipeline.process import Tally
from tinylogbert_daemon.state import Effects, Store
from tinylogbert_daemon.state.spool import Spool

LIMIT = 50
"""Deliveries that a sink may be owed."""

Body = Callable[[], Awaitable[None]]


class Scene:
    """A committer on a store that fails ``failures`` times; each block holds ten lines."""

    def __init__(self, directory: Path) -> None:
        self.store = Store(directory, spool=Spool(LIMIT))
        self.executor = ThreadPoolExecutor(1)
        self.metrics = Metrics(CollectorRegistry())
        self.committer: Committer
        self.commits: list[int] = []
        self.failures = 0
        self._commit = self.store.commit
        self.store.commit = self.commit  # type: ignore[method-assign]
        self.blocks = 0

    def commit(self, effects: Effects) -> Counter[str]:
        if self.failures:
            self.failures -= 1
            raise StateError("the disk is full")
        dropped = self._commit(effects)
        self.commits.append(effects.blocks)
        return dropped

    async def block(self, *, size: int = 100, owing: bool = True) -> None:
        """Add the effects of one more block, as the processor does."""
        one, into = block_effects(self.blocks), self.committer.effects()
        self.blocks += 1
        into.files |= one.files
        into.lines += one.lines
        into.records += one.records
        into.counts |= one.counts
        into.deliveries += one.deliveries if owing else []
        into.blocks += 1
        await self.committer.added(Tally(SOURCE, PATH, lines=10, size=size, records=10))

    def run(self, body: Body, *, start: bool = True) -> None:
        async def live() -> None:
            self.committer = Committer(self.store, self.executor, self.metrics)
            task = asyncio.ensure_future(self.committer.run()) if start else None
            try:
                async with asyncio.timeout(20):
                    await body()
            finally:
                if task is not None:
                    task.cancel()
                    await asyncio.wait([task])

        asyncio.run(live())

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"tinylogbert_{name}", labels)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr(module, "_RETRY_SECONDS", 0.01)
    made = Scene(tmp_path / "state")
    yield made
    made.executor.shutdown()
    made.store.close()


def committed(scene: Scene) -> int:
    return scene.store.committed_lines().get(PATH, 0) // 10


def test_blocks_are_gathered_and_counted_once_committed(scene: Scene) -> None:
    async def body() -> None:
        for _ in range(5):
            await scene.block()
        assert scene.value("read_lines_total", path=PATH) is None
        await until(lambda: scene.commits)
        await until(lambda: scene.value("read_lines_total", path=PATH) == 50)

    scene.run(body)
    assert scene.commits == [5]
    assert scene.value("read_bytes_total", path=PATH) == 500
    assert scene.value("records_total", source=SOURCE) == 50
    assert scene.store.pending_counts() == {"jsonl": 5}


def test_the_end_of_a_burst_is_committed_at_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GATHER_SECONDS", 3600.0)

    async def body() -> None:
        for _ in range(3):
            await scene.block(size=module.FULL_BLOCK_BYTES, owing=False)
        await asyncio.sleep(0.05)
        assert not scene.commits
        await scene.block(owing=False)
        await until(lambda: scene.commits)
        await scene.block(owing=False)
        await asyncio.sleep(0.05)

    scene.run(body)
    assert scene.commits == [4]


def test_nothing_is_lost_split_or_doubled_while_the_store_fails_and_recovers(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    async def body() -> None:
        for burst in range(4):
            scene.failures = 3
            for _ in range(5):
                await scene.block()
            await until(lambda: scene.committer.failure)
            for _ in range(5):  # while it fails, more comes
                await scene.block()
            lines = (burst + 1) * 100.0
            await until(lambda: scene.value("read_lines_total", path=PATH) == lines)  # noqa: B023

    scene.run(body)
    assert sum(scene.commits) == scene.blocks == 40
    (row,) = scene.store.files()
    assert row.position.offset == 4000
    assert len(scene.store.pending("jsonl", 100)) == 40
    assert scene.value("read_lines_total", path=PATH) == 400
    said = capsys.readouterr()
    assert (said.out + said.err).count("cannot commit; reading waits") == 4
    assert (said.out + said.err).count("committing again") == 4


def test_damage_that_is_found_while_it_runs_ends_it(scene: Scene) -> None:
    """Trying again does not mend that; the next start sets it aside, or says so."""

    async def body() -> None:
        for _ in range(20):
            await scene.block()
            await scene.committer.flush()
        path = scene.store.path
        with sqlite3.connect(path) as other:  # what the store has read is of no use any more
            other.execute("UPDATE sources SET records = records")
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        other.close()
        path.write_bytes(b"damage" * (path.stat().st_size // 6))
        await scene.block()
        with pytest.raises(DamagedStateError, match="cannot commit"):
            await scene.committer.flush()

    scene.run(body, start=False)
    assert scene.value("read_lines_total", path=PATH) == 200


def test_too_many_uncommitted_blocks_hold_up_processing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PENDING_BLOCKS", 4)

    async def body() -> None:
        async def blocks() -> None:
            for _ in range(50):
                await scene.block()

        scene.failures = 1_000_000
        adding = asyncio.ensure_future(blocks())
        await until(lambda: scene.committer.failure)
        for _ in range(20):
            await asyncio.sleep(0)
        assert scene.blocks == 4
        scene.failures = 0
        await adding
        await until(lambda: scene.value("read_lines_total", path=PATH) == 500)

    scene.run(body)
    assert committed(scene) == 50


def test_a_second_flush_waits_for_the_first(scene: Scene) -> None:
    """At the end, what is in a commit that fails must not be overtaken and lost."""

    async def body() -> None:
        scene.failures = 3
        await scene.block()
        first = asyncio.ensure_future(scene.committer.flush())
        await until(lambda: scene.committer.failure)
        await scene.block()
        await scene.committer.flush()
        assert first.done()
        assert scene.commits == [1, 1]

    scene.run(body, start=False)
    (row,) = scene.store.files()
    assert (row.position.key, row.position.offset, committed(scene)) == (file_key(), 200, 2)
    assert scene.value("read_lines_total", path=PATH) == 20


def test_deliveries_are_announced_once_they_are_owed(scene: Scene) -> None:
    async def body() -> None:
        await scene.block()
        assert not scene.committer.committed.is_set()
        await scene.committer.flush()
        assert scene.committer.committed.is_set()
        scene.committer.committed.clear()
        await scene.committer.flush()  # nothing to commit
        assert not scene.committer.committed.is_set()

    scene.run(body, start=False)


def test_a_source_without_files_becomes_known(scene: Scene) -> None:
    async def body() -> None:
        scene.committer.know("quiet")
        await until(lambda: "quiet" in scene.store.sources())

    scene.run(body)
    assert scene.store.sources() == {"quiet": (0, None, None)}


def test_a_full_spool_is_said_once_and_counted(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    async def body() -> None:
        for _ in range(LIMIT + 20):
            await scene.block()
            await scene.committer.flush()
        assert scene.value("alerts_suppressed_total", reason="spool") == 20
        assert scene.store.pending_counts() == {"jsonl": LIMIT}
        scene.store.delivered([owed.number for owed in scene.store.pending("jsonl", 10)])
        for _ in range(11):  # there is room for ten of them
            await scene.block()
            await scene.committer.flush()

    scene.run(body, start=False)
    assert scene.value("alerts_suppressed_total", reason="spool") == 21
    assert committed(scene) == scene.blocks == LIMIT + 31
    output = capsys.readouterr()
    said = output.out + output.err
    assert said.count("a sink is owed too many alerts; some go") == 2
    assert said.count("no alerts are dropped any more") == 1
