"""The syslog sink: RFC 5424 over UDP and TCP, the form of libc over the local socket.

What listens at a local socket expects what libc writes there (RFC 3164 without a host): rsyslog and
journald take the version of an RFC 5424 message for the program's name, and a daemon that reads
their files would then not know its own alerts.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

from tinylogbert_daemon.config.endpoint import host_and_port
from tinylogbert_daemon.config.sinks import FACILITIES, Syslog
from tinylogbert_daemon.logs import LOGGER
from tinylogbert_daemon.sinks.message import TEST, Message, one_line
from tinylogbert_daemon.sinks.sink import why

DATAGRAM_BYTES = 2000
"""The most of one datagram: RFC 5424 asks receivers to take 2048, and networks split more."""

MESSAGE_BYTES = 8000
CLOSING_SECONDS = 1.0
_CRITICAL, _WARNING, _INFORMATIONAL = 2, 4, 6
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


class SyslogSink:
    """Sends one message an alert; of the transports only TCP can tell that nobody listens.

    Syslog knows no acknowledgement (RFC 6587): what is on its way when a server ends is lost.
    """

    name = "syslog"

    def __init__(self, config: Syslog, instance: str) -> None:
        self._config = config
        self._instance = instance
        self.where = f"{config.transport} {config.address}"

    async def deliver(self, bodies: Sequence[str]) -> str:
        """Send ``bodies``; raises ``OSError``."""
        frames = [self.frame(Message(json.loads(body), self._instance)) for body in bodies]
        try:
            async with asyncio.timeout(self._config.timeout_seconds):
                if self._config.transport == "tcp":
                    await self._stream(frames)
                else:
                    await self._datagrams(frames)
        except TimeoutError:
            seconds = f"{self._config.timeout_seconds:g} s"
            raise TimeoutError(f"{self.where}: not sent within {seconds}") from None
        except OSError as error:
            raise OSError(f"{self.where}: {why(error)}") from error
        return f"{self.where}: sent"

    def frame(self, message: Message) -> bytes:
        """Return one message; everything in it but our own framing is printable."""
        severity = _INFORMATIONAL if message.closed else _WARNING
        if message.priority == "critical" and not message.closed:
            severity = _CRITICAL
        if message.alert.get("kind") == TEST:
            severity = _INFORMATIONAL
        priority = FACILITIES.index(self._config.facility) * 8 + severity
        text = one_line(message)
        if self._config.rfc5424:
            now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            kind = "CLOSED" if message.closed else "ALERT"
            head = (
                f"<{priority}>1 {now} {self._instance or '-'} {LOGGER} {os.getpid()} {kind} "
                f'[origin software="{LOGGER}"] '
            )
            # the mark says that the text is UTF-8
            text = text if text.isascii() else f"\ufeff{text}"
        else:
            now_ = datetime.now().astimezone()
            day = f"{_MONTHS[now_.month - 1]} {now_.day:2} {now_:%H:%M:%S}"
            host = "" if self._config.transport == "unix" else f"{self._instance} "
            head = f"<{priority}>{day} {host}{LOGGER}[{os.getpid()}]: "
        longest = MESSAGE_BYTES if self._config.transport == "tcp" else DATAGRAM_BYTES
        return (head + text).encode()[:longest].decode("utf-8", "ignore").encode()

    async def _datagrams(self, frames: Sequence[bytes]) -> None:
        """Send each frame as a datagram from a socket of this delivery alone."""
        loop = asyncio.get_running_loop()
        family, target = socket.AF_UNIX, cast(Any, self._config.address)
        if self._config.transport != "unix":
            host, port = host_and_port(self._config.address)
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
            family, target = found[0][0], found[0][4]
        with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, target)
            for frame in frames:
                await loop.sock_sendall(sock, frame)

    async def _stream(self, frames: Sequence[bytes]) -> None:
        """Send the frames over a connection, each after its length (octet counting, RFC 6587)."""
        host, port = host_and_port(self._config.address)
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(b"".join(b"%d %s" % (len(frame), frame) for frame in frames))
            await writer.drain()
            writer.write_eof()
            # a server that took it closes its side after ours, if it does; a dead one resets
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSING_SECONDS):
                    await reader.read(1)
        finally:
            writer.transport.abort()
