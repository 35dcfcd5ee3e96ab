"""The e-mail sink: one plain text message for a group of alerts, handed to sendmail."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import blake2b

from tinylogbert_daemon.config.sinks import Email
from tinylogbert_daemon.escape import printable
from tinylogbert_daemon.sinks.message import Message
from tinylogbert_daemon.sinks.sink import RefusedError

SUBJECT_CHARACTERS = 120
_SAID_BYTES = 2000
# sysexits.h: EX_USAGE, EX_DATAERR, EX_NOUSER, EX_NOHOST
_REFUSALS = (64, 65, 67, 68)
# sendmail's line ends are the system's; what is no ASCII is encoded, so that lines stay short
_POLICY = SMTP.clone(linesep="\n", cte_type="7bit")


class MailSink:
    """Runs the program once for a group of alerts; no shell, no header and no option of a line."""

    name = "email"

    def __init__(self, config: Email, instance: str) -> None:
        self._config = config
        self._instance = instance
        self.where = f"{', '.join(config.to)} through {config.sendmail}"

    async def deliver(self, bodies: Sequence[str]) -> str:
        """Mail ``bodies``; raises ``OSError`` if the program cannot be run or fails."""
        content = self.message([Message(json.loads(body), self._instance) for body in bodies])
        command = [self._config.sendmail, "-i"]
        if self._config.sender:
            command += ["-f", self._config.sender]
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                *self._config.to,
                stdin=PIPE,
                stdout=DEVNULL,
                stderr=PIPE,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
                cwd="/",
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "cannot be run"
            raise OSError(f"{self._config.sendmail}: {why}") from error
        try:
            async with asyncio.timeout(self._config.timeout_seconds):
                said = await _talk(process, content)
        except TimeoutError:
            seconds = f"{self._config.timeout_seconds:g} s"
            raise TimeoutError(f"{self._config.sendmail}: not done within {seconds}") from None
        finally:
            # whatever it has started goes with it
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        if process.returncode:
            kind = RefusedError if process.returncode in _REFUSALS else OSError
            failure = kind(f"{self._config.sendmail}: exit status {process.returncode}")
            if isinstance(failure, RefusedError):
                failure.answer = said
            raise failure
        return f"{self.where}: handed over"

    def message(self, messages: Sequence[Message]) -> bytes:
        """Return the mail as it is written to the program."""
        mail = EmailMessage(policy=_POLICY)
        mail["From"] = self._config.sender or f"TinyLogBERT <tinylogbert@{_domain(self._instance)}>"
        mail["To"] = ", ".join(self._config.to)
        mail["Subject"] = self._subject(messages)
        mail["Date"] = format_datetime(datetime.now(UTC))
        # the same for the same alerts: whoever sorts out doubles can
        key = "\n".join(f"{one.id} {one.closed}" for one in messages).encode()
        mail["Message-ID"] = (
            f"<{blake2b(key, digest_size=12).hexdigest()}@{_domain(self._instance)}>"
        )
        mail["Auto-Submitted"] = "auto-generated"
        text = "\n\n".join(f"{one.summary}\n{one.description}\n(id: {one.id})" for one in messages)
        mail.set_content(f"{text}\n", cte="quoted-printable")
        return mail.as_bytes()

    def _subject(self, messages: Sequence[Message]) -> str:
        subject = f"[tinylogbert] {messages[0].summary}"
        if len(messages) > 1:
            critical = sum(one.priority == "critical" and not one.closed for one in messages)
            subject = f"[tinylogbert] {len(messages)} alerts on {self._instance}"
            subject += f", {critical} critical" if critical else ""
        return printable(subject, SUBJECT_CHARACTERS)


async def _talk(process: Process, content: bytes) -> str:
    """Write ``content`` to the program, wait for its end; return the beginning of what it said."""
    assert process.stdin is not None and process.stderr is not None
    said = b""

    async def feed() -> None:
        assert process.stdin is not None
        # a program that reads nothing says by its exit status what it thinks of that
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            process.stdin.write(content)
            await process.stdin.drain()
        process.stdin.close()

    feeding = asyncio.ensure_future(feed())
    try:
        while part := await process.stderr.read(4096):
            said = (said + part)[:_SAID_BYTES]
        await process.wait()
    finally:
        feeding.cancel()
        await asyncio.wait([feeding])
    return printable(" ".join(said.decode("utf-8", "replace").split()), 300)


def _domain(instance: str) -> str:
    """Return what may stand behind the @ of an address that is made of the host's name."""
    safe = "".join(x for x in instance if x.isascii() and (x.isalnum() or x in ".-")).strip(".-")
    return safe or "localhost"
