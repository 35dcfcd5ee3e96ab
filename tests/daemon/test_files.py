"""What happens to files under a running daemon, beyond what one tail alone can show."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import log_lines
from tests.daemon.service import Service, until

_IN_MODIFY = 0x2
_IN_Q_OVERFLOW = 0x4000
_EVENT = struct.Struct("iIII")


def _at_once(works: list[Callable[[], None]]) -> None:
    """Do all works, each in a thread of its own, to their end."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _settled(service: Service, wanted: dict[str, int]) -> None:
    """Wait for so many lines of each path; after a drain there must not be one more."""
    until(lambda: all(service.committed().get(p, 0) >= n for p, n in wanted.items()), f"{wanted}")
    assert service.stop() == 0
    files = service.status()["files"]
    # what was empty may have been seen
    assert {path: lines for path, lines in files.items() if lines} == wanted
    assert "Traceback" not in service.log_file.read_text()


def test_several_files_rotating_at_once_and_quickly(service: Service) -> None:
    rotations, lines = 12, 200
    names = [f"{letter}.log" for letter in "abcde"]

    def writer(name: str) -> Callable[[], None]:
        def work() -> None:
            path = service.logs / name
            for number in range(rotations):
                service.write(name, *[f"{name} {number} line {n}" for n in range(lines)])
                for old in range(number, -1, -1):
                    source = path.with_name(f"{name}.{old}") if old else path
                    source.rename(path.with_name(f"{name}.{old + 1}"))
            service.write(name, "the last one")

        return work

    for name in names:
        service.write(name)
    service.start()
    _at_once([writer(name) for name in names])
    _settled(service, {str(service.logs / name): rotations * lines + 1 for name in names})


def test_directories_and_files_that_go_and_come_back(service: Service) -> None:
    """Moved out of the glob and back, a directory made again, a new one, a link swapped."""
    other = service.directory / "elsewhere"
    links = service.directory / "containers"
    for folder in (other, links, service.logs / "old"):
        folder.mkdir()
    globs = [f"{service.logs}/**/*.log", f"{links}/*.log"]
    service.configure(sources=[{"name": "app", "paths": globs}])
    moved, again = service.write("moved.log"), service.write("old/again.log")
    new, link = service.logs / "new" / "deep" / "x.log", links / "pod.log"
    (other / "0").write_text("")
    link.symlink_to(other / "0")
    service.start()

    def lines(path: Path) -> int:
        return service.committed().get(str(path), 0)

    for name in ("moved.log", "old/again.log"):
        service.write(name, "1", "2")
    with (other / "0").open("a") as file:
        file.write("1\n2\n3\n")
    until(lambda: [lines(path) for path in (moved, again, link)] == [2, 2, 3], "the first lines")

    moved.rename(other / "moved")
    again.unlink()
    again.parent.rmdir()
    until(lambda: "files_active 2.0" in service.get("/metrics"), "the deleted one given up")
    (other / "moved").rename(moved)
    service.write("moved.log", "3")
    again.parent.mkdir()
    service.write("old/again.log", "3", "4", "5")
    new.parent.mkdir(parents=True)
    new.write_text("1\n2\n")

    # as Kubernetes does it: the container is restarted, its link leads to another file at once
    (other / "1").write_text("4\n5\n")
    (links / "next").symlink_to(other / "1")
    (links / "next").rename(link)
    _settled(service, {str(moved): 3, str(again): 5, str(new): 2, str(link): 5})


def test_files_that_vanish_between_discovery_and_opening(service: Service) -> None:
    """Files that live for a moment only come and go beside one that stays."""
    service.write("app.log")
    service.start()
    path = service.logs / "app.log"
    for number in range(400):
        (service.logs / f"{number}.log").touch()
        (service.logs / f"{number}.log").unlink()
        service.write("app.log", f"line {number}")
    _settled(service, {str(path): 400})


def test_a_full_queue_of_file_system_events_loses_nothing(service: Service) -> None:
    """The daemon stands still while more happens than the kernel keeps events of."""
    room = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if room > 100_000:
        pytest.skip(f"inotify queues {room} events here; writing more takes too long")
    names = ("a.log", "b.log")
    for name in names:
        service.write(name)
    service.start()
    rounds = room // 2 + 1000
    # events that are equal to the one before are not queued, so that the files take turns
    with (
        _inotify(service.logs) as overflown,
        (service.logs / names[0]).open("ab", buffering=0) as first,
        (service.logs / names[1]).open("ab", buffering=0) as second,
    ):
        service.send(signal.SIGSTOP)
        for number in range(rounds):
            first.write(b"line %d\n" % number)
            second.write(b"line %d\n" % number)
        assert overflown(), "the kernel kept all events"
        service.send(signal.SIGCONT)
    _settled(service, {str(service.logs / name): rounds for name in names})


@contextmanager
def _inotify(directory: Path) -> Iterator[Callable[[], bool]]:
    """Watch a directory, reading nothing; gives a function that tells whether events were lost."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    assert descriptor >= 0, os.strerror(ctypes.get_errno())

    def overflown() -> bool:
        masks = set()
        while True:
            try:
                content = os.read(descriptor, 1 << 20)
            except BlockingIOError:
                return _IN_Q_OVERFLOW in masks
            at = 0
            while at < len(content):
                _, mask, _, length = _EVENT.unpack_from(content, at)
                masks.add(mask)
                at += _EVENT.size + length

    try:
        watch = libc.inotify_add_watch(descriptor, os.fsencode(directory), _IN_MODIFY)
        assert watch >= 0, os.strerror(ctypes.get_errno())
        yield overflown
    finally:
        os.close(descriptor)


def test_more_files_than_may_be_open_at_once(service: Service) -> None:
    """What cannot be opened is said to be unreadable, and read once there is room again."""
    service.write("app.log", "1")
    service.start()
    assert service.process is not None
    pid = service.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 20, before[1]))
    names = [f"{number}.log" for number in range(60)]
    for name in names:
        service.write(name, "1", "2")

    def reasons() -> set[str]:
        said = service.events("cannot read") + service.events("not followed")
        return {one["reason"] for one in said}

    until(lambda: "too many open files" in reasons(), "too many open files")
    service.write("app.log", "2")
    app = str(service.logs / "app.log")
    until(lambda: _committed_in_state(service).get(app) == 1, "the file that is open goes on")
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    _settled(service, {app: 1} | {str(service.logs / name): 2 for name in names})


def _committed_in_state(service: Service) -> dict[str, int]:
    """Read the state itself: a daemon without a descriptor left answers nobody."""
    found: dict[str, int] = service.status()["files"]
    return found


def test_bytes_that_are_no_text_in_any_line(service: Service) -> None:
    """NUL bytes, broken UTF-8, Latin-1 and terminal escapes: scored, and never shown raw."""
    service.configure(decision={"threshold": 0.0, "learning_hours": 0, "burst": 20})
    path = service.logs / "app.log"
    path.touch()
    service.start()
    hostile = [
        b"NUL \0 inside \0\0 a line",
        b"broken UTF-8 \xff\xfe \xc3( \xed\xa0\x80",
        "Grüße aus Köln, schöne Grüße".encode("latin-1"),
        b"\x1b]0;title\x07\x1b[31mred\x1b[2J\x1b[H \x9b31m",
        b"\r overwritten \x08\x08\x08 bell \x07",
        "right to left \u202e and line \u2028 separators \x85 \x0b \x0c".encode(),
        b"%s %n {0} $(reboot) `reboot` <script>alert(1)</script>",
    ]
    ordinary = [line.encode() for line in log_lines(50)]
    path.write_bytes(b"\n".join([*hostile, *ordinary, *hostile]) + b"\n")
    until(lambda: service.committed().get(str(path), 0) >= 64, "all lines")
    until(service.alerts, "alerts")
    assert not _controls(service.get("/metrics")) and not _controls(service.get("/api/status"))
    _settled(service, {str(path): 64})
    assert service.alerts()
    assert not _controls((service.state / "alerts.jsonl").read_text())
    assert not _controls(service.log_file.read_text())


def _controls(text: str) -> set[str]:
    return {one for one in text if one != "\n" and (ord(one) < 32 or 127 <= ord(one) < 160)}


def test_files_of_more_than_four_gigabytes(service: Service) -> None:
    """Offsets beyond 31 and 32 bits, before and after a restart."""
    path = service.write("app.log")
    service.start()
    written = 0
    for place in (0, (1 << 31) - 30, (1 << 32) - 30, 5_000_000_000):
        # what is between is a hole, and takes no room
        with path.open("r+b") as file:
            file.seek(place)
            file.writelines(b"line %d at %d\n" % (n, place) for n in range(10))
        written += 10
        until(lambda: service.committed().get(str(path), 0) >= written, f"{written} lines")  # noqa: B023
        if place == (1 << 32) - 30:
            assert service.stop() == 0
            service.start()
    assert path.stat().st_size > 5_000_000_000
    service.kill()
    service.write("app.log", "while it was down")
    service.start()
    service.write("app.log", "and after")
    _settled(service, {str(path): written + 2})
