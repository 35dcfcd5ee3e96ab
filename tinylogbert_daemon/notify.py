"""What systemd is told (sd_notify(3)); nothing at all when it did not start us."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

from tinylogbert_daemon.escape import printable

_SEND_SECONDS = 1.0
_STATUS_CHARACTERS = 200


class Notifier:
    """Datagrams to the socket that systemd names in ``$NOTIFY_SOCKET``.

    Never raises: a service must not end because its manager does not listen. ``address`` is a path,
    or a name in the abstract namespace behind ``@``; without one nothing is sent.
    ``watchdog_seconds`` is the time after which systemd takes a silent service for stuck, None if
    it does not watch: send :meth:`watchdog` at half of it.
    """

    def __init__(self, address: str | None, watchdog_seconds: float | None = None) -> None:
        self._address = address
        self.watchdog_seconds = watchdog_seconds

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Notifier:
        """Return the notifier that ``$NOTIFY_SOCKET``, ``$WATCHDOG_USEC`` and ``_PID`` describe."""
        address = environment.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):  # vsock: is for virtual machines
            return cls(None)
        return cls(address, _watchdog_seconds(environment))

    @property
    def is_heard(self) -> bool:
        """Whether anything is sent at all."""
        return self._address is not None

    def ready(self, status: str) -> None:
        """Say that start-up, or a reload, is done; ``status`` is shown by ``systemctl status``."""
        self._send("READY=1", _status(status))

    def status(self, text: str) -> None:
        """Say in one line what is being done."""
        self._send(_status(text))

    def watchdog(self) -> None:
        """Say that work goes on."""
        self._send("WATCHDOG=1")

    def reloading(self) -> None:
        """Say that the configuration is being read again; :meth:`ready` ends that."""
        # systemd compares this with CLOCK_MONOTONIC, which is what Python's clock is on Linux
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the service is about to end."""
        self._send("STOPPING=1")

    def _send(self, *assignments: str) -> None:
        if self._address is None:
            return
        address = self._address
        if address.startswith("@"):
            address = "\0" + address[1:]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                # a manager that reads slowly may delay us, but not stop us
                sock.settimeout(_SEND_SECONDS)
                sock.sendto("\n".join(assignments).encode("utf-8", "replace"), address)
        except (OSError, ValueError):
            pass  # gone, full, or no name for a socket: nobody listens


def _status(text: str) -> str:
    # assignments are separated by newlines, which must not come from a file name in the text
    return "STATUS=" + printable(text, _STATUS_CHARACTERS)


def _watchdog_seconds(environment: Mapping[str, str]) -> float | None:
    """Return the watchdog's time if it is set and meant for this process."""
    try:
        micros = int(environment["WATCHDOG_USEC"])
        process = int(environment.get("WATCHDOG_PID") or os.getpid())
    except (KeyError, ValueError):
        return None
    return micros / 1e6 if micros > 0 and process == os.getpid() else None
