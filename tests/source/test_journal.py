"""A journal as an endless stream: read back, followed, gone on from, and restarted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from tests.source.journals import (
    FakeJournalctl,
    Writer,
    exported,
    line,
    needs_journal,
    printed,
)
from tinylogbert_daemon.errors import SourceError
from tinylogbert_daemon.source.block import Block, Position
from tinylogbert_daemon.source.journal import ENTRY_BYTES, Journal, Selection

_SECONDS = 60.0


class Scene:
    """What journals hand on and say; ``follow`` goes on from the last block unless told else."""

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        self.executor = executor
        self.blocks: list[Block] = []
        self.said: list[str] = []
        self.heard: Callable[[str], object] = lambda text: None
        self.journal: Journal

    def follow(
        self,
        selection: Selection,
        until: Callable[[], object],
        *,
        begin: Callable[[], object] = lambda: None,
        saved: Position | None = None,
        readback_bytes: int = 1 << 20,
    ) -> None:
        """Follow until a condition holds after a block.

        ``begin`` is called once what was there is read back, after the first block of what is new.
        """
        known = saved or (self.blocks[-1].after if self.blocks else None)
        self.journal = Journal(
            "host",
            selection,
            saved=[] if known is None else [known],
            record_bytes=65_536,
            readback_bytes=readback_bytes,
            executor=self.executor,
            say=self._say,
            first_delay=0.01,
        )

        async def live() -> None:
            begun = False
            async with asyncio.timeout(_SECONDS), aclosing(self.journal.blocks()) as blocks:
                async for block in blocks:
                    self.blocks.append(block)
                    if not begun and not block.readback:
                        begin()
                        begun = True
                    if until():
                        return

        asyncio.run(live())

    def _say(self, text: str) -> None:
        self.said.append(text)
        self.heard(text)

    def lines(self, *, readback: bool = False) -> list[str]:
        data = b"".join(block.data for block in self.blocks if block.readback is readback)
        return data.decode().splitlines()


@pytest.fixture
def scene() -> Iterator[Scene]:
    with ThreadPoolExecutor(1) as executor:
        yield Scene(executor)


def _lines(numbers: range) -> list[str]:
    return [line(number, f"message {number}") for number in numbers]


def _entries(numbers: range, **fields: Any) -> list[bytes]:
    return [exported(number, f"message {number}", **fields) for number in numbers]


@needs_journal
def test_a_journal_seen_for_the_first_time_is_read_back_then_followed(
    scene: Scene, tmp_path: Path
) -> None:
    directory = tmp_path / "journal"
    with Writer(directory) as writer:
        writer.write(*_entries(range(100)))
    with Writer(directory, "b.journal") as writer:
        scene.follow(
            Selection(directory=str(directory)),
            until=lambda: len(scene.lines()) == 50,
            begin=lambda: writer.write(*_entries(range(100, 150))),
        )
    assert scene.lines(readback=True) == _lines(range(100))
    assert scene.lines() == _lines(range(100, 150))
    last = scene.blocks[-1]
    assert last.after.lines == 50
    assert last.after.offset == sum(len(one) + 1 for one in _lines(range(150)))
    assert last.path == f"journal:{directory}"
    assert scene.said == []


@needs_journal
def test_so_much_is_read_back_as_is_configured(scene: Scene, tmp_path: Path) -> None:
    directory = tmp_path / "journal"
    with Writer(directory) as writer:
        writer.write(*_entries(range(100)))
    chosen = Selection(directory=str(directory))
    scene.follow(chosen, until=lambda: not scene.blocks[-1].readback, readback_bytes=10 * 128)
    assert scene.lines(readback=True) == _lines(range(90, 100))
    none = Scene(scene.executor)
    with Writer(directory, "b.journal") as writer:
        none.follow(
            chosen,
            until=none.lines,
            begin=lambda: writer.write(*_entries(range(100, 101))),
            readback_bytes=0,
        )
    assert none.lines(readback=True) == []
    assert none.lines() == _lines(range(100, 101))


@needs_journal
def test_what_comes_to_an_empty_journal_is_new(scene: Scene, tmp_path: Path) -> None:
    directory = tmp_path / "journal"
    directory.mkdir()
    chosen = Selection(directory=str(directory))
    scene.follow(chosen, until=lambda: True)
    assert (scene.blocks[-1].data, scene.blocks[-1].after.cursor) == (b"", "")
    # also if it came while we were away
    with Writer(directory) as writer:
        writer.write(*_entries(range(3)))
    scene.follow(chosen, until=scene.lines)
    assert scene.lines() == _lines(range(3))
    assert scene.lines(readback=True) == []


@needs_journal
def test_it_goes_on_where_it_was_also_over_a_reboot(scene: Scene, tmp_path: Path) -> None:
    directory = tmp_path / "journal"
    chosen = Selection(directory=str(directory))
    with Writer(directory) as writer:
        writer.write(*_entries(range(10)))
    scene.follow(chosen, until=lambda: not scene.blocks[-1].readback)
    with Writer(directory, "b.journal") as writer:
        writer.write(*_entries(range(10, 20)))
        writer.write(*[exported(n, f"message {n}", boot=2) for n in range(20, 30)])
    scene.follow(chosen, until=lambda: len(scene.lines()) == 20)
    assert scene.lines() == _lines(range(10, 30))
    assert scene.blocks[-1].after.lines == 20


@needs_journal
def test_nothing_is_lost_where_the_last_entry_was_vacuumed(scene: Scene, tmp_path: Path) -> None:
    directory = tmp_path / "journal"
    chosen = Selection(directory=str(directory))
    with Writer(directory) as writer:
        writer.write(*_entries(range(10)))
    scene.follow(chosen, until=lambda: not scene.blocks[-1].readback)
    with Writer(directory, "b.journal") as writer:
        writer.write(*_entries(range(10, 20)))
    (directory / "a.journal").unlink()
    scene.follow(chosen, until=scene.lines)
    assert scene.lines() == _lines(range(10, 20))


@needs_journal
def test_units_and_matches_choose_entries(scene: Scene, tmp_path: Path) -> None:
    directory = tmp_path / "journal"
    with Writer(directory) as writer:
        writer.write(
            *_entries(range(3), _SYSTEMD_UNIT="web.service"),
            *_entries(range(3, 6), _SYSTEMD_UNIT="db.service", PRIORITY="3"),
            *_entries(range(6, 9), _SYSTEMD_UNIT="db.service"),
        )

    def chosen(*, units: tuple[str, ...] = (), matches: tuple[str, ...] = ()) -> list[str]:
        found = Scene(scene.executor)
        found.follow(
            Selection(units, matches, str(directory)), until=lambda: not found.blocks[-1].readback
        )
        return [text.rpartition(" ")[2] for text in found.lines(readback=True)]

    assert chosen(units=("web",)) == ["0", "1", "2"]
    assert chosen(units=("web.service", "db")) == [str(n) for n in range(9)]
    assert chosen(matches=("PRIORITY=3",)) == ["3", "4", "5"]
    assert chosen(units=("db",), matches=("PRIORITY=5", "PRIORITY=4")) == ["6", "7", "8"]
    # no shell reads it, and it is no option
    assert chosen(units=("$(touch x); --version", "web")) == ["0", "1", "2"]


@needs_journal
def test_a_host_that_reports_late_is_whole_in_a_source_of_its_own(
    scene: Scene, tmp_path: Path
) -> None:
    directory = tmp_path / "journal"
    with Writer(directory, "remote-a.journal") as early:
        early.write(*_entries(range(100, 103), _HOSTNAME="a"))
    with (
        Writer(directory, "remote-a.journal") as early,
        Writer(directory, "remote-b.journal") as late,
    ):

        def begin() -> None:
            early.write(*_entries(range(200, 203), _HOSTNAME="a"))
            late.write(*_entries(range(50, 53), _HOSTNAME="b", boot=2))

        scene.follow(
            Selection(matches=("_HOSTNAME=b",), directory=str(directory)),
            until=lambda: len(scene.lines()) == 3,
            begin=begin,
        )
    assert [text.rpartition(" ")[2] for text in scene.lines()] == ["50", "51", "52"]
    assert scene.lines(readback=True) == []


@needs_journal
def test_long_binary_and_many_lined_messages(scene: Scene, tmp_path: Path) -> None:
    directory = tmp_path / "journal"
    with Writer(directory) as writer:
        writer.write(
            exported(0, "x" * 200_000),
            exported(1, b"two\nlines"),
            exported(2, b"bad \xff\x1b[31m"),
            exported(3, None),
            exported(4, "the last"),
        )
    scene.follow(Selection(directory=str(directory)), until=lambda: not scene.blocks[-1].readback)
    data = b"".join(block.data for block in scene.blocks)
    assert [text.split(b"]: ")[-1][:20] for text in data.splitlines()] == [
        b"x" * 20,
        b"two#012lines",
        b"bad \xff\x1b[31m",
        b"",
        b"the last",
    ]
    assert len(data.split(b"\n")[0]) == 65_536
    assert sum(block.cut for block in scene.blocks) == 1


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeJournalctl:
    made = FakeJournalctl(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{made.directory}:/usr/bin:/bin")
    return made


def test_a_journalctl_that_dies_is_started_again_from_the_last_cursor(
    scene: Scene, fake: FakeJournalctl
) -> None:
    whole = "".join(printed(n, f"message {n}") for n in range(4))
    fake.prepare(whole, status=0)
    # it ends in the middle of a line, in a good and in a bad way
    fake.prepare(printed(3) + printed(4, "message 4") + printed(5)[:40], status=0)
    fake.prepare(printed(4) + printed(5, "message 5"), err="Bad message\n", status=1)
    fake.prepare("", err="No space\n", status=2)
    fake.prepare(printed(5) + printed(6, "message 6"), status="stays")
    scene.follow(Selection(), until=lambda: len(scene.lines()) == 3)
    assert scene.lines(readback=True) == _lines(range(4))
    assert scene.lines() == _lines(range(4, 7))
    cursors = [call.partition("--cursor=")[2].split()[:1] for call in fake.calls()]
    assert cursors == [[], ["s=1;i=3"], ["s=1;i=4"], ["s=1;i=5"], ["s=1;i=5"]]
    assert ["--follow" in call for call in fake.calls()] == [False, True, True, True, True]
    assert scene.said == [
        "journalctl ended with status 0; starting it again in 0.01 s",
        "journalctl: Bad message",
        "journalctl ended with status 1: Bad message; starting it again in 0.01 s",
        "journalctl: No space",
        "journalctl ended with status 2: No space; starting it again in 0.02 s",
    ]
    assert scene.journal.unreadable is None


def test_a_readback_that_breaks_off_goes_on_as_readback(scene: Scene, fake: FakeJournalctl) -> None:
    fake.prepare(printed(0, "message 0") + printed(1, "message 1"), status=1)
    fake.prepare(printed(1) + printed(2, "message 2"), status=0)
    fake.prepare(printed(2) + printed(3, "message 3"), status="stays")
    scene.follow(Selection(), until=scene.lines)
    assert scene.lines(readback=True) == _lines(range(3))
    assert scene.lines() == _lines(range(3, 4))
    assert "--lines=8192" in fake.calls()[0]
    assert "--lines" not in fake.calls()[1]


def test_garbage_and_an_endless_line_are_counted_and_the_journal_goes_on(
    scene: Scene, fake: FakeJournalctl
) -> None:
    fake.prepare("")
    endless = b"x" * (ENTRY_BYTES + (2 << 20)) + b"\n"
    fake.prepare(
        b"\xff\x00 garbage\n{}\n"
        + printed(1, "message 1").encode()
        + endless
        + printed(2, "message 2").encode(),
        status="stays",
    )
    scene.follow(Selection(), until=lambda: len(scene.lines()) == 2)
    assert scene.lines() == _lines(range(1, 3))
    assert sum(block.unreadable for block in scene.blocks) == 3
    assert set(scene.said) == {"journalctl wrote what is no entry of a journal; it is passed over"}


def test_a_message_of_ten_megabytes_is_cut(scene: Scene, fake: FakeJournalctl) -> None:
    fake.prepare("")
    fake.prepare(printed(1, "x" * (10 << 20)) + printed(2, "message 2"), status="stays")
    scene.follow(Selection(), until=lambda: len(scene.lines()) == 2)
    assert [len(text) for text in scene.lines()] == [65_536, len(line(2, "message 2"))]
    assert sum(block.cut for block in scene.blocks) == 1


def test_a_flood_on_standard_error_neither_stops_it_nor_is_said_in_full(
    scene: Scene, fake: FakeJournalctl
) -> None:
    fake.prepare("")
    flood = "".join(f"complaint {n}\n" for n in range(30_000)) + "y" * 100_000
    fake.prepare(printed(1, "message 1"), err=flood, status="stays")
    scene.follow(Selection(), until=scene.lines)
    assert scene.lines() == _lines(range(1, 2))
    assert 0 < len(scene.said) <= 50


def test_a_journalctl_that_cannot_be_started_is_tried_again(
    scene: Scene, fake: FakeJournalctl
) -> None:
    script, away = fake.directory / "journalctl", fake.directory / "away"
    fake.prepare("")
    fake.prepare(printed(1, "message 1"), status="stays")
    scene.heard = lambda text: away.rename(script)
    scene.follow(Selection(), until=scene.lines, begin=lambda: script.rename(away))
    assert scene.lines() == _lines(range(1, 2))
    assert scene.said == [
        "journalctl cannot be started: no such file or directory; starting it again in 0.01 s"
    ]


def test_without_journalctl_or_directory_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch, fake: FakeJournalctl, scene: Scene, tmp_path: Path
) -> None:
    missing = tmp_path / "none"
    with pytest.raises(SourceError) as caught:
        scene.follow(Selection(directory=str(missing)), until=lambda: True)
    assert str(caught.value) == (
        f"source host: {missing}: no such directory; name one that holds journal files"
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError) as caught:
        scene.follow(Selection(), until=lambda: True)
    assert str(caught.value) == (
        "source host: there is no journalctl to read the journal with; install systemd, or name "
        "paths"
    )


def test_no_process_is_left_when_it_is_closed(scene: Scene, fake: FakeJournalctl) -> None:
    fake.prepare("")
    fake.prepare(printed(1, "message 1"), status="stays")
    alive = []

    def until() -> bool:
        alive.append(_processes_in(fake.directory))
        return bool(scene.lines())

    scene.follow(Selection(), until=until)
    assert alive[-1] > 0
    assert _processes_in(fake.directory) == 0


def _processes_in(directory: Path) -> int:
    return sum(_target(found) == str(directory) for found in Path("/proc").glob("[0-9]*/cwd"))


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:  # it has ended meanwhile, or is not ours
        return ""
