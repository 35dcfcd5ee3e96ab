"""Random histories of one log, against a model of what may be seen of it.

Every line is written with a number of its own. Where nothing is destroyed, each must be handed on
exactly once; where a truncation destroys what was not read, no line twice, and every one that was
there to be read at a look.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.source.globbed import GlobbedScene
from tests.source.scene import PACKERS, Scene, open_descriptors
from tinylogbert_daemon.source.block import Block
from tinylogbert_daemon.source.tail import Limits

LIMITS = Limits(block_bytes=512, record_bytes=512)


class History(RuleBasedStateMachine):
    """Nothing is destroyed: every line is read exactly once, whatever happens."""

    scenes: type[Scene] = Scene

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.descriptors = open_descriptors()
        self.scene = self.scenes(self.directory, limits=LIMITS)
        self.number = 0
        self.written: list[bytes] = []
        self.partial = b""
        self.committed: list[bytes] = []
        self.uncommitted: list[Block] = []
        self.reading = True

    def teardown(self) -> None:
        self.scene.stop()
        assert open_descriptors() == self.descriptors
        shutil.rmtree(self.directory)

    @initialize()
    def first_look(self) -> None:
        self.write(1, 0)
        self.look()

    def line(self, padding: int) -> bytes:
        self.number += 1
        return b"%d:" % self.number + b"x" * padding

    @rule(count=st.integers(1, 12), padding=st.integers(0, 200))
    def write(self, count: int, padding: int) -> None:
        for _ in range(count):
            line = self.partial + self.line(padding)
            self.scene.write(line[len(self.partial) :] + b"\n")
            self.partial = b""
            self.written.append(line)

    @precondition(lambda self: len(self.partial) < 100)
    @rule(padding=st.integers(0, 30))
    def write_a_part(self, padding: int) -> None:
        part = self.line(padding) + b"~"
        self.scene.write(part)
        self.partial += part

    @precondition(lambda self: self.scene.path.exists())
    @rule(create=st.booleans())
    def rotate(self, create: bool) -> None:
        # a writer that is told to reopen ends its line first
        if self.partial:
            self.write(1, 0)
        self.scene.rename(keep=30)
        if create:
            self.scene.write(b"")

    # not .bz2: it keeps the second alone, and all of this happens within one
    @rule(number=st.integers(1, 5), suffix=st.sampled_from(sorted(PACKERS.keys() - {".bz2"})))
    def compress(self, number: int, suffix: str) -> None:
        if self.may_go(self.scene.sibling(f".{number}")):
            self.scene.pack(f".{number}", suffix)

    def may_go(self, path: Path) -> bool:
        """Tell whether a file may be deleted, as compressing it does."""
        return path.exists()

    @precondition(lambda self: self.reading)
    @rule()
    def look(self) -> None:
        self.read()
        self.commit()

    @precondition(lambda self: self.reading)
    @rule(count=st.integers(1, 3), at_once=st.booleans())
    def read_a_little(self, count: int, at_once: bool = True) -> None:
        for _ in range(count):
            block = self.scene.next() if at_once else self.scene.tail.read()
            if block is not None:
                self.scene.check(block)
                self.uncommitted.append(block)

    @rule()
    def commit(self) -> None:
        self.commit_first(len(self.uncommitted))

    def commit_first(self, count: int) -> None:
        for block in self.uncommitted[:count]:
            self.scene.blocks.append(block)
            self.scene.save(block.after, block.path)
            self.committed += block.data.split(b"\n")[:-1]
        del self.uncommitted[:count]

    @precondition(lambda self: self.reading)
    @rule()
    def restart(self) -> None:
        self.commit()
        self.crash()
        self.start()

    @precondition(lambda self: self.reading)
    @rule(blocks=st.integers(2, 5), lost=st.integers(1, 2))
    def kill(self, blocks: int, lost: int) -> None:
        """Read, commit all but the last block or two, and start again at once."""
        self.read_a_little(blocks)
        self.commit_first(max(0, len(self.uncommitted) - lost))
        self.crash()
        self.start()

    @precondition(lambda self: self.reading)
    @rule()
    def crash(self) -> None:
        self.uncommitted.clear()
        self.scene.stop()
        self.reading = False

    @precondition(lambda self: not self.reading)
    @rule()
    def start(self) -> None:
        self.scene.restart()
        self.reading = True

    @rule(seconds=st.sampled_from([1.0, 4.0]))
    def pass_time(self, seconds: float) -> None:
        self.scene.clock.advance(seconds)

    def read(self) -> None:
        for _ in range(10_000):
            block = self.scene.next()
            if block is None:
                return
            self.scene.check(block)
            self.uncommitted.append(block)
        raise AssertionError("reads for ever")

    @invariant()
    def nothing_twice(self) -> None:
        assert len(set(self.committed)) == len(self.committed)

    @invariant()
    def counts_agree(self) -> None:
        assert self.scene.saved_lines == self.scene.lines


class Undestroyed(History):
    """Time stands still between looks, so that no partial line is handed on before its end."""

    @rule(seconds=st.just(0.0))
    def pass_time(self, seconds: float) -> None:
        self.scene.clock.advance(seconds)

    def teardown(self) -> None:
        if self.partial:
            self.write(1, 0)
        if not self.reading:
            self.start()
        self.look()
        assert self.in_order(self.committed) == self.in_order(self.written)
        assert self.scene.lines == len(self.written)
        super().teardown()

    def in_order(self, lines: list[bytes]) -> list[bytes]:
        return lines


class Impatient(History):
    """Partial lines are handed on when quiet: their parts are records, but one physical line."""

    def teardown(self) -> None:
        if self.partial:
            self.write(1, 0)
        if not self.reading:
            self.start()
        self.look()
        self.scene.clock.advance(60.0)
        self.look()
        assert b"".join(self.committed) == b"".join(self.written)
        assert self.scene.lines == len(self.written)
        super().teardown()


class Destroyed(History):
    """Truncations destroy what was not read: model reads <= our reads <= writes."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[bytes] = set()
        # Of a file that is deleted or compressed after it was copied, while nobody looks, nothing
        # tells that the copy is one: the saved position is found by the inode, and that is gone.
        self.copied: set[int] = set()

    def may_go(self, path: Path) -> bool:
        return path.exists() and path.stat().st_ino not in self.copied

    @rule(copy=st.booleans())
    @precondition(lambda self: self.scene.path.exists())
    def truncate(self, copy: bool) -> None:
        self.partial = b""
        if copy:
            self.copied.add(self.scene.path.stat().st_ino)
            self.scene.copytruncate()
        else:
            os.truncate(self.scene.path, 0)

    @precondition(lambda self: self.may_go(self.scene.path))
    @rule()
    def delete(self) -> None:
        self.partial = b""
        self.scene.path.unlink()

    @precondition(lambda self: self.may_go(self.scene.path))
    @rule(count=st.integers(1, 3))
    def recreate(self, count: int) -> None:
        """Between two looks: the file may get the inode that it had."""
        self.delete()
        self.write(count, 0)

    @precondition(lambda self: self.reading)
    @rule()
    def look(self) -> None:
        present = self.scene.path.read_bytes() if self.scene.path.exists() else b""
        super().look()
        self.copied.clear()
        # whatever is whole in the file at a look has been handed on by its end
        self.seen |= set(present.split(b"\n")[:-1])
        assert self.seen <= set(self.committed) | self.flushed()

    def flushed(self) -> set[bytes]:
        """Return the lines that were handed on in parts."""
        parts = b"".join(self.committed)
        return {line for line in self.seen if line in parts}

    @invariant()
    def nothing_invented(self) -> None:
        parts = b"|".join(self.written) + b"|" + self.partial
        known = set(self.written)
        for record in self.committed:
            assert record in known or b"~" in record or record in parts


class InAnyOrder(History):
    """A glob matches rotated files, too: each has a tail of its own, and any may look first."""

    scenes = GlobbedScene
    scene: GlobbedScene

    @initialize(last_first=st.booleans())
    def take_turns(self, last_first: bool) -> None:
        self.scene.last_first = last_first


class Globbed(InAnyOrder, Undestroyed):
    """The log is rotated by name."""

    @precondition(lambda self: self.scene.path.exists())
    @rule()
    def rotate(self) -> None:
        super().rotate(create=True)

    def in_order(self, lines: list[bytes]) -> list[bytes]:
        return sorted(lines)


class Copied(InAnyOrder, Destroyed):
    """The log is rotated by copytruncate."""

    @rule(look=st.booleans(), count=st.integers(0, 3))
    def copy_and_truncate(self, look: bool, count: int) -> None:
        """Also with a look between the two, and with lines that are lost there."""
        self.write(1, 256)  # what is shorter may be equal by chance
        self.copied.add(self.scene.path.stat().st_ino)
        self.scene.copy()
        if look and self.reading:
            self.look()
        self.write(count, 0)
        self.truncate(copy=False)

    @precondition(lambda self: False)
    @rule()
    def rotate(self) -> None:
        """Never by name: no log is rotated in both ways."""

    @precondition(lambda self: False)
    @rule()
    def delete(self) -> None:
        """Never: so its inode remains."""

    @precondition(lambda self: False)
    @rule()
    def recreate(self) -> None:
        """Never."""


def run(machine: type[RuleBasedStateMachine], histories: int = 200, steps: int = 30) -> None:
    """Try random histories; the shortest one that breaks a promise is told by the exception."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=histories,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_every_line_exactly_once_where_nothing_is_destroyed() -> None:
    run(Undestroyed)


def test_every_byte_exactly_once_where_partial_lines_are_handed_on() -> None:
    run(Impatient)


def test_no_line_twice_and_none_missed_that_was_there_where_truncation_destroys() -> None:
    run(Destroyed)


def test_every_line_exactly_once_where_a_glob_matches_rotated_files_too() -> None:
    run(Globbed)


def test_no_line_twice_where_a_glob_matches_the_copies_of_copytruncate() -> None:
    run(Copied)


def test_histories_of_any_number_by_the_script() -> None:
    script = Path(__file__).resolve().parents[2] / "scripts" / "histories.py"
    command = [sys.executable, str(script), "--histories", "2", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["broken"] == 0
    assert done.stderr.count("2 histories hold") == 5
