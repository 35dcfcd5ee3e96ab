"""Which of many tails are woken: by hints, by polling, and not without a reason."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.pipeline.parts import until
from tinylogbert_daemon.clock import ManualClock
from tinylogbert_daemon.pipeline.wakes import Wakes
from tinylogbert_daemon.source.tail import Limits, Tail
from tinylogbert_daemon.source.watch import Changes

NEVER = 3600.0


class Scene:
    """Files with a tail and an event each."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = ManualClock(1000.0)
        self.executor = ThreadPoolExecutor(1)
        self.tails: dict[str, tuple[Tail, asyncio.Event]] = {}

    def tail(self, name: str) -> Tail:
        path = self.directory / name
        path.write_bytes(b"1\n")
        tail = Tail(str(path), "app", self.clock, limits=Limits(rotate_seconds=NEVER))
        self.tails[name] = tail, asyncio.Event()
        return tail

    def settle(self) -> None:
        """Read all tails to the end, until what is quiet is settled."""
        for _ in range(2):
            for tail, wake in self.tails.values():
                while tail.read() is not None:
                    pass
                wake.clear()
            self.clock.advance(1.0)

    def woken(self) -> set[str]:
        return {name for name, (_, wake) in self.tails.items() if wake.is_set()}

    def run(self, poll_seconds: float, body: Callable[[Wakes], Awaitable[None]]) -> None:
        async def live() -> None:
            wakes = Wakes(self.executor, poll_seconds)
            for tail, wake in self.tails.values():
                wakes.add(tail, wake)
            task = asyncio.ensure_future(wakes.run())
            try:
                await body(wakes)
            finally:
                task.cancel()
                await asyncio.wait([task])

        asyncio.run(live())


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    for name in ("a.log", "b.log", "c.log"):
        made.tail(name)
    yield made
    made.executor.shutdown()
    for tail, _ in made.tails.values():
        tail.close()


def test_a_tail_is_settled_once_it_was_quiet_for_a_while(scene: Scene) -> None:
    tail = scene.tail("d.log")
    assert not tail.is_unchanged()
    assert tail.read() is not None  # that it is there
    assert tail.read() is not None
    # it could be written anew within one tick of the file system's clock
    assert (tail.read(), tail.settled) == (None, False)
    scene.clock.advance(1.0)
    assert (tail.read(), tail.settled) == (None, True)
    assert tail.is_unchanged()


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(path.read_bytes() + b"2\n"),
        lambda path: os.truncate(path, 0),
        lambda path: path.write_bytes(b"2\n"),
        lambda path: path.unlink(),
        lambda path: (path.rename(f"{path}.1"), path.write_bytes(b"1\n")),
    ],
    ids=["growth", "truncation", "another content", "deletion", "rotation"],
)
def test_whatever_is_done_to_a_settled_file_is_seen(
    scene: Scene, change: Callable[[Path], object]
) -> None:
    scene.settle()
    tail, _ = scene.tails["a.log"]
    assert tail.is_unchanged()
    change(Path(tail.path))
    assert tail.settled
    assert not tail.is_unchanged()


def test_what_waits_for_time_to_pass_is_not_settled(scene: Scene) -> None:
    (scene.directory / "a.log").write_bytes(b"1\npart")  # a partial line
    scene.settle()
    path = scene.directory / "b.log"
    path.rename(scene.directory / "b.log.1")  # its writer may not know of it
    path.write_bytes(b"2\n")
    scene.settle()
    settled = {name for name, (tail, _) in scene.tails.items() if tail.settled}
    assert settled == {"c.log"}


def test_polling_wakes_only_what_changed(scene: Scene) -> None:
    scene.settle()
    with (scene.directory / "b.log").open("ab") as file:
        file.write(b"2\n")

    async def body(_: Wakes) -> None:
        await until(scene.woken)

    scene.run(0.01, body)
    assert scene.woken() == {"b.log"}


def test_a_hint_wakes_the_file_and_looks_at_no_other(scene: Scene) -> None:
    scene.settle()
    file = str(scene.directory / "b.log")
    with (scene.directory / "c.log").open("ab") as other:
        other.write(b"2\n")

    async def body(wakes: Wakes) -> None:
        wakes.hint(Changes(set(), {file}))
        assert scene.woken() == {"b.log"}

    scene.run(NEVER, body)


def test_a_change_in_a_directory_has_its_files_looked_at(scene: Scene) -> None:
    scene.settle()
    (scene.directory / "b.log").unlink()

    async def body(wakes: Wakes) -> None:
        wakes.hint(Changes({str(scene.directory)}, set()))
        await until(scene.woken)

    scene.run(NEVER, body)
    assert scene.woken() == {"b.log"}


def test_a_rotated_file_that_is_written_to_wakes_who_has_it_open(scene: Scene) -> None:
    scene.settle()
    path = scene.directory / "a.log"
    path.rename(scene.directory / "a.log.1")
    path.write_bytes(b"2\n")
    scene.settle()

    async def body(wakes: Wakes) -> None:
        wakes.hint(Changes(set(), {str(scene.directory / "a.log.1")}))
        await until(scene.woken)

    scene.run(NEVER, body)
    assert scene.woken() == {"a.log"}


def test_what_is_removed_is_woken_no_more(scene: Scene) -> None:
    scene.settle()
    tail, wake = scene.tails["a.log"]

    async def body(wakes: Wakes) -> None:
        wakes.remove(tail)
        wakes.hint(Changes({str(scene.directory)}, {tail.path}))
        assert not wake.is_set()
        assert not wakes._entries.keys() & {id(tail)}
        assert not wakes._named.get(tail.path)

    scene.run(NEVER, body)
