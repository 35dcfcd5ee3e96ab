"""Which files are followed: what appears, disappears, is ours, is read back or from the start."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from tests.pipeline.parts import until
from tinylogbert_daemon.clock import SystemClock
from tinylogbert_daemon.config.schema import Tail as TailConfig
from tinylogbert_daemon.config.sources import Source
from tinylogbert_daemon.metrics import Metrics
from tinylogbert_daemon.pipeline import tailing as module
from tinylogbert_daemon.pipeline.tailing import Tailing
from tinylogbert_daemon.source.block import Block
from tinylogbert_daemon.source.discover import Discovery, Found, own_files
from tinylogbert_daemon.source.registry import OpenFiles

_CONFIG = TailConfig(
    poll_seconds=0.02, scan_seconds=0.05, partial_seconds=30, rotate_seconds=0.2, block_kib=64
)


class Scene:
    """A directory that is followed by one source ``app`` of ``*.log``."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.metrics = Metrics(CollectorRegistry())
        self.executor = ThreadPoolExecutor(4)
        self.blocks: list[Block] = []
        self.empty: list[str] = []
        self.own: list[Path] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.held = 0
        self.tailing: Tailing

    async def on_block(self, block: Block) -> None:
        if block.sighting:
            return
        self.held += 1
        await self.gate.wait()
        self.blocks.append(block)

    def write(self, name: str, *lines: str) -> Path:
        path = self.directory / name
        with path.open("a") as file:
            file.writelines(f"{line}\n" for line in lines)
        return path

    def lines(self, *, readback: bool = False) -> list[str]:
        data = b"".join(block.data for block in self.blocks if block.readback is readback)
        return data.decode().splitlines()

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"tinylogbert_{name}", labels)

    def run(
        self, body: Callable[[], Awaitable[None]], *, known: bool = True, whole: bool = False
    ) -> None:
        async def live() -> None:
            self.tailing = Tailing(
                [Source(name="app", paths=[f"{self.directory}/*.log"])],
                _CONFIG,
                on_block=self.on_block,
                on_empty=self.empty.append,
                files=OpenFiles(),
                known={"app"} if known else set(),
                from_beginning={"app"} if whole else set(),
                own_paths=self.own,
                executor=self.executor,
                clock=SystemClock(),
                metrics=self.metrics,
            )
            task = asyncio.ensure_future(self.tailing.run())
            try:
                await until(self.tailing.scanned.is_set)
                await body()
            finally:
                task.cancel()
                await asyncio.wait([task])
            assert task.cancelled()

        asyncio.run(live())


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr(module, "_LEAST_SCAN_SECONDS", 0.01)
    made = Scene(tmp_path)
    yield made
    made.executor.shutdown()


def test_a_source_seen_for_the_first_time_is_read_back_then_followed(scene: Scene) -> None:
    scene.write("a.log", "old 1", "old 2")

    async def body() -> None:
        await until(lambda: scene.lines(readback=True) == ["old 1", "old 2"])
        scene.write("a.log", "new")
        scene.write("later.log", "later 1", "later 2")
        await until(lambda: len(scene.lines()) == 3)

    scene.run(body, known=False)
    assert sorted(scene.lines()) == ["later 1", "later 2", "new"]
    assert scene.empty == []


@pytest.mark.parametrize(("known", "whole"), [(True, False), (False, True)])
def test_a_known_source_and_one_from_the_command_line_are_read_whole(
    scene: Scene, known: bool, whole: bool
) -> None:
    scene.write("a.log", "1", "2")

    async def body() -> None:
        await until(lambda: scene.lines() == ["1", "2"])

    scene.run(body, known=known, whole=whole)


def test_what_appears_in_an_empty_directory_is_new(scene: Scene) -> None:
    async def body() -> None:
        assert scene.empty == ["app"]
        scene.write("a.log", "1")
        await until(lambda: scene.lines() == ["1"])

    scene.run(body, known=False)
    assert scene.empty == ["app"]


def test_rotation_by_rename_and_truncation_are_followed_and_counted(scene: Scene) -> None:
    path = scene.write("a.log", "1")

    async def body() -> None:
        await until(lambda: scene.lines() == ["1"])
        path.rename(scene.directory / "a.log.1")
        scene.write("a.log", "2")
        await until(lambda: scene.lines() == ["1", "2"])
        os.truncate(path, 0)
        await until(lambda: _measured(scene, "file_truncates_total") == 1)
        scene.write("a.log", "3")
        await until(lambda: scene.lines() == ["1", "2", "3"])

    scene.run(body)
    assert scene.value("files_rotated_total") == 1


def _measured(scene: Scene, name: str, **labels: str) -> float | None:
    scene.tailing.measure()
    return scene.value(name, **labels)


def test_a_file_that_is_gone_is_given_up_with_its_metrics(scene: Scene) -> None:
    path = scene.write("a.log", "1")
    scene.write("b.log", "1")

    async def body() -> None:
        await until(lambda: len(scene.lines()) == 2)
        assert _measured(scene, "file_bytes", path=str(path)) == 2
        assert len(scene.tailing.status()) == 2
        path.unlink()
        await until(lambda: len(scene.tailing.status()) == 1)
        await until(lambda: scene.value("files_active") == 1)
        assert _measured(scene, "file_bytes", path=str(path)) is None

    scene.run(body)


def test_our_own_output_is_not_followed(scene: Scene) -> None:
    own = scene.write("own.log", "an alert that would raise an alert")
    scene.own = [own]
    scene.write("a.log", "1")

    async def body() -> None:
        await until(lambda: scene.lines() == ["1"])
        assert list(scene.tailing.status()) == [f"{scene.directory}/a.log"]

    scene.run(body)


def test_own_files_are_known_by_what_they_are_not_by_name(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.touch()
    link = tmp_path / "y"
    link.hardlink_to(path)
    status = link.stat()
    assert (status.st_dev, status.st_ino) in own_files([path, tmp_path / "none"])
    error = os.fstat(2)
    assert (error.st_dev, error.st_ino) in own_files([])


def test_paths_beyond_the_cap_share_a_label(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinylogbert_daemon.metrics.PATHS", 2)
    for number in range(4):
        scene.write(f"{number}.log", "four")

    async def body() -> None:
        await until(lambda: len(scene.lines()) == 4)
        assert _measured(scene, "file_bytes", path="other") == 2 * 5

    scene.run(body)


def test_a_block_in_hand_is_finished_when_asked_to_stop(scene: Scene) -> None:
    scene.write("a.log", "1")

    scene.gate.clear()

    async def body() -> None:
        await until(lambda: scene.held)
        asyncio.get_running_loop().call_later(0.05, scene.gate.set)

    scene.run(body)
    assert scene.lines() == ["1"]


def test_a_block_that_cannot_be_finished_can_be_abandoned(scene: Scene) -> None:
    scene.write("a.log", "1")

    scene.gate.clear()

    async def body() -> None:
        await until(lambda: scene.tailing._in_hand)
        asyncio.get_running_loop().call_later(0.05, scene.tailing.abandon)

    scene.run(body)
    assert scene.blocks == []


def test_what_cannot_be_followed_is_said_once(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    (scene.directory / "folder.log").mkdir()
    (scene.directory / "binary.log").write_bytes(b"\0\x01\x02" * 500)
    scene.write("a.log", "1")

    async def body() -> None:
        await until(lambda: scene.lines() == ["1"])
        scene.write("b.log", "2")
        await until(lambda: len(scene.lines()) == 2)

    scene.run(body)
    said = capsys.readouterr()
    assert (said.out + said.err).count("not followed") == 2


def test_lag_is_what_is_left_to_read(scene: Scene) -> None:
    scene.write("a.log", *["x" * 99] * 3000)

    scene.gate.clear()

    async def body() -> None:
        await until(lambda: scene.tailing._in_hand)
        await until(lambda: (_measured(scene, "source_lag_bytes", source="app") or 0) > 100_000)
        scene.gate.set()
        await until(lambda: len(scene.lines()) == 3000)
        await until(lambda: _measured(scene, "source_lag_bytes", source="app") == 0)

    scene.run(body)


def test_output_that_we_begin_during_a_scan_is_not_followed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = scene.directory / "own.log"
    scene.own = [own]
    scene.write("a.log", "1")
    scan = Discovery.scan

    def begin_output_and_scan(self: Discovery) -> Found:
        own.write_text("an alert\n")
        return scan(self)

    monkeypatch.setattr(Discovery, "scan", begin_output_and_scan)

    async def body() -> None:
        await until(lambda: scene.lines() == ["1"])
        assert list(scene.tailing.status()) == [f"{scene.directory}/a.log"]

    scene.run(body)
