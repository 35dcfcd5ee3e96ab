"""Which files the globs name, and why others are left out."""

from __future__ import annotations

import errno
import gzip
import os
import socket
from pathlib import Path

import pytest

from tinylogbert_daemon.source.discover import Discovery


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "a.log").write_bytes(b"one\n")
    (tmp_path / "deep" / "b.log").write_bytes(b"one\n")
    (tmp_path / "deep" / "er" / "c.log").write_bytes(b"one\n")
    (tmp_path / "other.txt").write_bytes(b"one\n")
    return tmp_path


def scan(*globs: str | Path, exclude: tuple[str, ...] = ()) -> tuple[list[str], dict[str, str]]:
    found = Discovery([str(pattern) for pattern in globs], exclude).scan()
    return found.paths, found.skipped


def test_globs_reach_through_directories_and_are_sorted(logs: Path) -> None:
    paths, skipped = scan(logs / "**" / "*.log", logs / "a.log")
    names = ("a.log", "deep/b.log", "deep/er/c.log")
    assert paths == [str(logs / name) for name in names]
    assert skipped == {}


def test_excluded_by_path_or_name(logs: Path) -> None:
    paths, _ = scan(logs / "**" / "*.log", exclude=("c.log", str(logs / "deep" / "b*")))
    assert paths == [str(logs / "a.log")]


def test_new_directory_matches_at_the_next_scan(logs: Path) -> None:
    discovery = Discovery([str(logs / "**" / "*.log")])
    assert len(discovery.scan().paths) == 3
    (logs / "new").mkdir()
    (logs / "new" / "d.log").write_bytes(b"")
    assert str(logs / "new" / "d.log") in discovery.scan().paths


def test_links_and_hard_links_are_one_file(logs: Path) -> None:
    (logs / "0-link.log").symlink_to("a.log")
    os.link(logs / "a.log", logs / "z.log")
    paths, skipped = scan(logs / "*.log")
    assert paths == [str(logs / "a.log")]
    same = f"the same file as {logs / 'a.log'}"
    assert skipped == {str(logs / "0-link.log"): same, str(logs / "z.log"): same}


def test_link_alone_is_followed_under_its_name(logs: Path) -> None:
    (logs / "current").symlink_to("a.log")
    assert scan(logs / "current") == ([str(logs / "current")], {})


def test_what_is_no_file(logs: Path) -> None:
    os.mkfifo(logs / "fifo")
    (logs / "nothing").symlink_to("nowhere")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(logs / "socket"))
        paths, skipped = scan(
            logs / "deep", logs / "fifo", logs / "socket", "/dev/null", logs / "nothing", logs / "x"
        )
    assert paths == []
    assert skipped == {
        str(logs / "deep"): "directory",
        str(logs / "fifo"): "FIFO",
        str(logs / "socket"): "socket",
        "/dev/null": "device",
        str(logs / "nothing"): "link to nothing",
        str(logs / "x"): "no such file",
    }


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.gz", b"", "compressed (.gz)"),
        ("a.log.2", gzip.compress(b"one\n", mtime=0), "compressed (gzip)"),
        ("xz", b"\xfd7zXZ\x00\x00", "compressed (xz)"),
        ("bzip2", b"BZh91AY&SY", "compressed (bzip2)"),
        ("zstd", b"\x28\xb5\x2f\xfd\x24", "compressed (zstd)"),
        ("program", b"\x7fELF" + bytes(range(12)) + b"\0" * 100, "binary (NUL bytes)"),
        ("wtmp", (b"\7\0\0\0" + b"\0" * 380) * 4, "binary (NUL bytes)"),
        ("noise", bytes(range(1, 32)) * 20, "binary (control bytes)"),
    ],
)
def test_what_is_no_text(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert scan(tmp_path / name) == ([], {str(tmp_path / name): reason})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"BZh is how this line begins\n",
        b"\x1b[31mred\x1b[0m\r\n\ttab\n",
        "Grüße\n".encode("latin-1"),
        b"\xff\xfe" + "UTF-16\n".encode("utf-16-le") * 20,
        b"\0" * 700 + b"after a hole\n" * 50,
        b"\0" * 5000 + b"after a hole\n",
        b"one stray NUL\0 in a line\n" * 4,
        b"\0" * 3000,
        b"before a hole\n" + b"\0" * 3000,
        b"before a hole\n" + b"\0" * 300 + b"and after\n" * 20,
    ],
)
def test_what_is_text(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "log").write_bytes(content)
    assert scan(tmp_path / "log")[0] == [str(tmp_path / "log")]


def test_text_after_a_big_hole(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file:
        file.seek(1 << 30)
        file.write(b"text\n")
    assert scan(tmp_path / "log")[0] == [str(tmp_path / "log")]


def test_binary_after_a_big_hole(tmp_path: Path) -> None:
    with (tmp_path / "lastlog").open("wb") as file:
        file.seek(1 << 20)
        file.write(b"\1\2\3\4pts/0" + b"\0" * 280)
    assert scan(tmp_path / "lastlog")[1] == {str(tmp_path / "lastlog"): "binary (NUL bytes)"}


def test_own_output_is_refused_under_any_name(logs: Path) -> None:
    status = (logs / "a.log").stat()
    (logs / "alias.log").symlink_to("a.log")
    found = Discovery([str(logs / "*.log")], own={(status.st_dev, status.st_ino)}).scan()
    assert found.paths == []
    assert set(found.skipped.values()) == {"our own output"}


def test_permission_denied_then_granted(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    discovery = Discovery([str(logs / "a.log")])

    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        assert discovery.scan().skipped == {str(logs / "a.log"): "permission denied"}
    assert discovery.scan().paths == [str(logs / "a.log")]


def test_vanished_between_listing_and_looking(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    discovery = Discovery([str(logs / "*.log")])
    monkeypatch.setattr(
        "tinylogbert_daemon.source.discover.glob.iglob",
        lambda *_, **__: iter([str(logs / "gone.log")]),
    )
    assert discovery.scan().skipped == {str(logs / "gone.log"): "vanished"}


def test_file_is_looked_into_once(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (logs / "a.log").write_bytes(b"x" * 2000)
    discovery = Discovery([str(logs / "a.log")])
    discovery.scan()

    def fail(*_: object) -> int:
        raise AssertionError("opened again")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", fail)
        assert discovery.scan().paths == [str(logs / "a.log")]
    (logs / "a.log").write_bytes(b"\0\1" * 400)
    assert discovery.scan().paths == []


def test_a_small_file_is_looked_into_once_while_it_stays(
    logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = logs / "a.log"
    small.write_bytes(b"one line\n")
    discovery = Discovery([str(small)])
    assert discovery.scan().paths == [str(small)]
    opened: list[object] = []
    really = os.open

    def note(path: str, *rest: int) -> int:
        opened.append(path)
        return really(path, *rest)

    monkeypatch.setattr(os, "open", note)
    assert discovery.scan().paths == [str(small)]
    assert opened == []
    changed = small.stat().st_ctime_ns
    while small.stat().st_ctime_ns == changed:
        small.write_bytes(b"\0\1\0\1\0\1\0\1\0")  # as long as before
    assert discovery.scan().paths == []
    assert opened == [str(small)]
