"""sd_notify against real datagram sockets, and against none."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tinylogbert_daemon import notify
from tinylogbert_daemon.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A listening socket as systemd's, and its address as ``$NOTIFY_SOCKET`` holds it."""
    address = str(tmp_path / "n") if request.param == "path" else f"@tinylogbert-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(address.replace("@", "\0", 1))
        sock.settimeout(5)
        yield sock, address


def test_each_message_is_one_datagram_of_assignments(manager: tuple[socket.socket, str]) -> None:
    sock, address = manager
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": address})
    notifier.ready("following 3 files")
    assert sock.recv(4096) == b"READY=1\nSTATUS=following 3 files"
    notifier.status("learning")
    assert sock.recv(4096) == b"STATUS=learning"
    notifier.watchdog()
    assert sock.recv(4096) == b"WATCHDOG=1"
    notifier.stopping()
    assert sock.recv(4096) == b"STOPPING=1"


def test_a_reload_carries_the_monotonic_time(manager: tuple[socket.socket, str]) -> None:
    sock, address = manager
    before = time.monotonic_ns() // 1000
    Notifier(address).reloading()
    reloading, stamp = sock.recv(4096).decode().split("\n")
    assert reloading == "RELOADING=1"
    name, _, value = stamp.partition("=")
    assert name == "MONOTONIC_USEC"
    assert before <= int(value) <= time.monotonic_ns() // 1000


def test_a_status_stays_one_printable_line(manager: tuple[socket.socket, str]) -> None:
    sock, address = manager
    Notifier(address).status("file a\nSTOPPING=1\x1b[31m\udcff" + "x" * 500)
    message = sock.recv(4096)
    assert b"\n" not in message
    assert message.startswith(rb"STATUS=file a\nSTOPPING=1\x1b[31m\udcff")
    assert len(message.decode()) == len("STATUS=") + 200


@pytest.mark.parametrize("address", ["", "vsock:2:1234", "relative"])
def test_nothing_is_sent_where_systemd_named_no_unix_socket(address: str) -> None:
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"})
    notifier.ready("x")
    assert notifier.watchdog_seconds is None


def test_without_systemd_nothing_happens() -> None:
    notifier = Notifier.from_environment({})
    notifier.ready("x")
    notifier.status("x")
    notifier.watchdog()
    notifier.reloading()
    notifier.stopping()
    assert notifier.watchdog_seconds is None


@pytest.mark.parametrize("address", ["/nonexistent/n", "@nobody-listens", "/" + "x" * 200, "/\0"])
def test_a_dead_socket_is_no_failure(address: str) -> None:
    Notifier(address).ready("x")


def test_a_manager_that_does_not_read_cannot_stop_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "_SEND_SECONDS", 0.01)
    address = str(tmp_path / "n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(address)
        filler = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        filler.setblocking(False)
        try:
            with pytest.raises(BlockingIOError):
                while True:
                    filler.sendto(b"x", address)
            Notifier(address).watchdog()
        finally:
            filler.close()


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": str(os.getpid())}, 0.5),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": ""}, 0.5),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": str(os.getpid() + 1)}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "500000", "WATCHDOG_PID": "me"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_that_of_this_process(
    environment: dict[str, str], seconds: float | None
) -> None:
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": "/run/n", **environment})
    assert notifier.watchdog_seconds == seconds
