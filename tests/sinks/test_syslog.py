"""Syslog: what the real rsyslogd makes of it, over its socket, UDP and TCP."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sinks.server import HOSTILE, alert_body
from tinylogbert_daemon.config.sinks import Syslog
from tinylogbert_daemon.escape import printable
from tinylogbert_daemon.model.own import is_own
from tinylogbert_daemon.model.shape import record, shapes
from tinylogbert_daemon.sinks.syslog import DATAGRAM_BYTES, MESSAGE_BYTES, SyslogSink

RSYSLOGD = shutil.which("rsyslogd") or "/usr/sbin/rsyslogd"
needs_rsyslogd = pytest.mark.skipif(not Path(RSYSLOGD).exists(), reason="needs rsyslogd")
TIMEOUT_SECONDS = 40.0
_CONFIGURATION = """
global(workDirectory="{work}" maxMessageSize="16k")
module(load="imuxsock" SysSock.Use="off")
module(load="imudp")
module(load="imtcp")
input(type="imuxsock" Socket="{work}/log.sock" CreatePath="on")
input(type="imudp" Address="127.0.0.1" Port="{udp}")
input(type="imtcp" Address="127.0.0.1" Port="{tcp}")
template(name="parts" type="string"
  string="%inputname%|%pri%|%programname%|%hostname%|%msgid%|%structured-data%|%msg%\\n")
action(type="omfile" File="{work}/parts" Template="parts")
action(type="omfile" File="{work}/file" Template="RSYSLOG_FileFormat")
"""


def sink(transport: str, address: str, **settings: Any) -> SyslogSink:
    config = {"enabled": True, "transport": transport, "address": address, **settings}
    return SyslogSink(Syslog.model_validate(config), "web1")


def own(line: str) -> bool:
    (shape,) = shapes(record(line) + b"\n")
    return is_own(shape)


class Rsyslog:
    """The real rsyslogd, with a socket, ports and files of its own."""

    def __init__(self, work: Path) -> None:
        self.work = work
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
            socket.create_server(("127.0.0.1", 0)) as tcp,
        ):
            udp.bind(("127.0.0.1", 0))
            self.udp, self.tcp = udp.getsockname()[1], tcp.getsockname()[1]
        (work / "conf").write_text(_CONFIGURATION.format(work=work, udp=self.udp, tcp=self.tcp))
        with (work / "output").open("wb") as output:
            self.process = subprocess.Popen(
                [RSYSLOGD, "-n", "-f", str(work / "conf"), "-i", str(work / "pid")],
                stdout=output,
                stderr=output,
            )
        end = time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.tcp), 1).close()
                break
            except OSError:
                assert self.process.poll() is None, (work / "output").read_text()
                time.sleep(0.02)

    def lines(self, name: str, count: int) -> list[str]:
        """Return so many lines of a file, once they are there."""
        end, path = time.monotonic() + TIMEOUT_SECONDS, self.work / name
        while time.monotonic() < end:
            found = path.read_text().splitlines() if path.exists() else []
            if len(found) >= count:
                return found
            time.sleep(0.02)
        pytest.fail(f"{name} does not come to have {count} lines")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(TIMEOUT_SECONDS)


@pytest.fixture
def rsyslog(tmp_path: Path) -> Iterator[Rsyslog]:
    made = Rsyslog(tmp_path)
    yield made
    made.stop()


@needs_rsyslogd
def test_rsyslog_takes_every_transport_apart_and_knows_us(rsyslog: Rsyslog) -> None:
    places = (
        ("unix", str(rsyslog.work / "log.sock")),
        ("udp", f"127.0.0.1:{rsyslog.udp}"),
        ("tcp", f"127.0.0.1:{rsyslog.tcp}"),
    )
    bodies = [alert_body(HOSTILE), alert_body("二", score=0.6), alert_body(closed=99.0)]
    for place in places:
        asyncio.run(sink(*place).deliver(bodies))
    parts = [line.split("|", 6) for line in rsyslog.lines("parts", 9)]
    assert len(parts) == 9
    for name in ("imuxsock", "imudp", "imtcp"):
        found = [part[1:] for part in parts if part[0] == name]
        # daemon.crit, daemon.warning, daemon.info
        assert [part[0] for part in found] == ["26", "28", "30"]
        assert {part[1] for part in found} == {"tinylogbert"}
        assert "\\r\\nBcc:" in found[0][5]
        assert "二" in found[1][5]
        assert "alert closed critical" in found[2][5]
        if name != "imuxsock":
            assert {part[2] for part in found} == {"web1"}
            assert [part[3] for part in found] == ["ALERT", "ALERT", "CLOSED"]
            assert {part[4] for part in found} == {'[origin software="tinylogbert"]'}
    # what it writes to its files is known as ours when it is read
    written = rsyslog.lines("file", 9)
    assert [line for line in written if not own(line)] == []


@pytest.mark.parametrize("transport", ["unix", "udp"])
def test_a_datagram_is_one_printable_message_of_its_form(tmp_path: Path, transport: str) -> None:
    local = transport == "unix"
    with socket.socket(socket.AF_UNIX if local else socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "log") if local else ("127.0.0.1", 0))
        server.settimeout(10)
        address = str(tmp_path / "log") if local else f"127.0.0.1:{server.getsockname()[1]}"
        # words that grow when they are escaped, in every part
        asyncio.run(
            sink(transport, address, facility="local3").deliver([alert_body("é\x00" * 999)])
        )
        received = server.recv(65_536)
    assert len(received) <= DATAGRAM_BYTES
    text = received.decode()
    form = (
        r"<154>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d tinylogbert\[\d+\]: alert critical "
        if local
        else r"<154>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z web1 tinylogbert \d+ ALERT "
        r'\[origin software="tinylogbert"\] \ufeffalert critical '
    )
    assert re.match(form, text), text
    assert printable(text.replace("\ufeff", "")) == text.replace("\ufeff", "")
    assert own(text)


def test_over_tcp_each_message_stands_behind_its_length() -> None:
    received = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def read() -> None:
            connection, _ = server.accept()
            with connection:
                while part := connection.recv(65_536):
                    received.extend(part)

        thread = threading.Thread(target=read)
        thread.start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        bodies = [alert_body("é\x00" * 9999), alert_body()]
        asyncio.run(sink("tcp", address).deliver(bodies))
        thread.join()
    messages = []
    while received:
        length, _, rest = bytes(received).partition(b" ")
        messages.append(rest[: int(length)])
        received = bytearray(rest[int(length) :])
    assert [message[:5] for message in messages] == [b"<26>1", b"<26>1"]
    assert all(len(message) <= MESSAGE_BYTES for message in messages)


@pytest.mark.parametrize("transport", ["unix", "tcp"])
def test_nobody_there_is_tried_again(tmp_path: Path, transport: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    address = str(tmp_path / "none") if transport == "unix" else f"127.0.0.1:{port}"
    with pytest.raises(OSError, match=re.escape(f"{transport} {address}: ")):
        asyncio.run(sink(transport, address).deliver([alert_body()]))


def test_a_server_that_resets_has_not_taken_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def reset() -> None:
            connection, _ = server.accept()
            # closed with unread data: the kernel answers with a reset
            connection.recv(1)
            connection.close()

        thread = threading.Thread(target=reset)
        thread.start()
        with pytest.raises(OSError, match=r"(?i)reset|pipe|not connected"):
            asyncio.run(sink("tcp", f"127.0.0.1:{server.getsockname()[1]}").deliver([alert_body()]))
        thread.join()
