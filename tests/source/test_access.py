"""Files that cannot be opened or read, and come back."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.source.scene import Scene
from tinylogbert_daemon.source.discover import Discovery


def test_file_that_is_not_there_yet(scene: Scene) -> None:
    assert scene.read() == []
    assert scene.tail.gone
    records = scene.write_lines(1)
    assert scene.read() == records
    assert not scene.tail.gone


def test_file_that_vanishes_and_comes_back(scene: Scene) -> None:
    scene.write_lines(1)
    scene.read()
    scene.path.unlink()
    assert scene.read() == []
    given_up = [scene.tail.gone]  # not at once: the writer may still hold it
    assert scene.wait(5.0) == []
    assert [*given_up, scene.tail.gone] == [False, True]
    assert scene.tail.stats.file_bytes == 0
    records = scene.write_lines(2)
    assert scene.read() == records
    assert scene.lines == 2


class _Refusing:
    """Stands before a function of `os` and fails while told to."""

    def __init__(self, real: Callable[..., object], number: int) -> None:
        self.real = real
        self.number: int | None = number

    def __call__(self, *arguments: object) -> object:
        if self.number is not None:
            raise OSError(self.number, os.strerror(self.number))
        return self.real(*arguments)


@pytest.mark.parametrize(
    ("number", "reason"),
    [(errno.EACCES, "permission denied"), (errno.EMFILE, "too many open files")],
)
def test_permission_denied_then_granted(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    records = scene.write_lines(1)
    refusing = _Refusing(os.open, number)
    monkeypatch.setattr(os, "open", refusing)
    assert scene.read() == []
    assert scene.tail.stats.unreadable == reason
    refusing.number = None
    assert scene.read() == records
    assert scene.tail.stats.unreadable is None


def test_permission_denied_then_granted_by_the_kernel() -> None:
    """The same with real permissions, as somebody whom they bind."""
    with tempfile.TemporaryDirectory() as directory, _as_nobody(Path(directory)):
        scene = Scene(Path(directory))
        records = scene.write_lines(1, 2)
        scene.path.chmod(0)
        discovery = Discovery([str(scene.path)])
        assert discovery.scan().skipped == {str(scene.path): "permission denied"}
        assert scene.read() == []
        reasons = [scene.tail.stats.unreadable]
        scene.path.chmod(0o400)
        assert discovery.scan().paths == [str(scene.path)]
        assert scene.read() == records
        reasons.append(scene.tail.stats.unreadable)
        assert reasons == ["permission denied", None]
        assert scene.lines == 2
        scene.stop()


@contextmanager
def _as_nobody(directory: Path) -> Iterator[None]:
    """Be the user nobody for a while, where root runs the tests."""
    ours = os.geteuid()
    if ours == 0:
        os.chown(directory, 65534, 65534)
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(ours)


def test_new_file_that_may_not_be_read_leaves_the_old_one_open(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.write_lines(1)
    scene.read()
    with scene.path.open("ab", buffering=0) as writer:
        scene.rename()
        new = scene.write_lines(2)
        refusing = _Refusing(os.open, errno.EACCES)
        monkeypatch.setattr(os, "open", refusing)
        assert scene.wait(60.0) == []
        writer.write(b"late\n")
        assert scene.wait(60.0) == [b"late"]
    refusing.number = None
    assert scene.read() == new


def test_reading_fails_and_works_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    records = scene.write_lines(1, 2)
    assert scene.read() == records
    more = scene.write_lines(3)
    refusing = _Refusing(os.pread, errno.EIO)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", refusing)
        patch.setattr(os, "preadv", refusing)
        assert scene.read() == []
        assert scene.tail.stats.unreadable == "input/output error"
        assert scene.read() == []
    assert scene.read() == more
    assert scene.lines == 3 == scene.saved_lines


@pytest.mark.parametrize("kind", ["directory", "fifo"])
def test_what_is_no_file_is_not_waited_for(scene: Scene, kind: str) -> None:
    if kind == "fifo":
        os.mkfifo(scene.path)
    else:
        scene.path.mkdir()
    assert scene.read() == []
    assert scene.tail.stats.unreadable == "not a regular file"


def test_figures_for_metrics(scene: Scene) -> None:
    scene.write(b"one\ntwo\npart")
    scene.sight()
    block = scene.tail.read()
    assert block is not None
    assert (scene.tail.stats.file_bytes, scene.tail.stats.lag_bytes) == (12, 4)
    assert (block.lines, block.offset, block.source, block.path) == (2, 0, "app", str(scene.path))
    scene.read()
    assert scene.tail.stats.lag_bytes == 4
    scene.write(b"\n")
    scene.read()
    assert (scene.tail.stats.file_bytes, scene.tail.stats.lag_bytes) == (13, 0)
