"""E-mail through a real program that takes what sendmail takes, and writes down what that was."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from tests.sinks.server import HOSTILE, alert_body
from tinylogbert_daemon.config.sinks import Email
from tinylogbert_daemon.escape import printable
from tinylogbert_daemon.sinks.mail import SUBJECT_CHARACTERS, MailSink
from tinylogbert_daemon.sinks.sink import RefusedError

Make = Callable[..., MailSink]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a sink whose program runs ``script`` (sh) after noting arguments and input."""

    def sink(script: str = "", **settings: Any) -> MailSink:
        program = tmp_path / "sendmail"
        program.write_text(
            f"#!/bin/sh\n{script}\nprintf '%s\\n' \"$@\" > {tmp_path}/arguments\n"
            f"cat > {tmp_path}/mail\nenv > {tmp_path}/environment\n"
        )
        program.chmod(0o755)
        to = settings.pop("to", ["ops@example.org", "root"])
        config = Email(enabled=True, sendmail=str(program), to=to, **settings)
        return MailSink(config, "web1")

    return sink


def sent(folder: Path) -> EmailMessage:
    raw = (folder / "mail").read_bytes()
    assert b"\r" not in raw
    assert all(len(line) <= 998 for line in raw.split(b"\n"))
    mail = message_from_bytes(raw, policy=default)
    assert isinstance(mail, EmailMessage)
    return mail


def test_alerts_are_one_plain_text_mail(tmp_path: Path, make: Make) -> None:
    sink = make(sender="tlb@example.org")
    bodies = [alert_body(), alert_body("no journal", offset=9, score=0.6), alert_body(closed=99.0)]
    assert "handed over" in (asyncio.run(sink.deliver(bodies)) or "")
    arguments = (tmp_path / "arguments").read_text().split("\n")[:-1]
    assert arguments == ["-i", "-f", "tlb@example.org", "ops@example.org", "root"]
    mail = sent(tmp_path)
    assert mail["To"] == "ops@example.org, root"
    assert mail["From"] == "tlb@example.org"
    assert mail["Subject"] == "[tinylogbert] 3 alerts on web1, 1 critical"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "text/plain"
    text = mail.get_content()
    assert text.count("line: ") == 3
    assert "line: no journal" in text
    assert json.loads(bodies[0])["id"] in text
    # the same when it is sent again
    before = mail["Message-ID"]
    asyncio.run(sink.deliver(bodies))
    assert sent(tmp_path)["Message-ID"] == before
    asyncio.run(sink.deliver(bodies[:1]))
    assert sent(tmp_path)["Message-ID"] != before


def test_a_hostile_line_is_in_the_text_alone(tmp_path: Path, make: Make) -> None:
    asyncio.run(make().deliver([alert_body(HOSTILE)]))
    mail = sent(tmp_path)
    assert mail["Bcc"] is None
    assert set(mail.keys()) == {
        *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version"),
        *("Content-Type", "Content-Transfer-Encoding"),
    }
    assert len(mail["Subject"]) <= SUBJECT_CHARACTERS
    assert "\\r\\nBcc: all@example.org" in mail["Subject"]
    for line in mail.get_content().split("\n"):
        assert printable(line) == line
    assert (tmp_path / "arguments").read_text() == "-i\nops@example.org\nroot\n"


def test_other_scripts_and_long_lines_pass(tmp_path: Path, make: Make) -> None:
    asyncio.run(make().deliver([alert_body("磁盘坏了 " * 300)]))
    mail = sent(tmp_path)
    assert "磁盘坏了" in mail.get_content()
    assert "磁盘坏了" in mail["Subject"]


def test_the_program_gets_no_environment_of_ours(
    tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYLOGBERT_SINKS__WEBHOOK__URL", "http://secret")
    asyncio.run(make().deliver([alert_body()]))
    assert "secret" not in (tmp_path / "environment").read_text()


@pytest.mark.parametrize(("status", "refused"), [(75, False), (1, False), (67, True), (64, True)])
def test_its_exit_status_says_whether_to_try_again(make: Make, status: int, refused: bool) -> None:
    sink = make(f"echo 'user unknown' >&2; cat >/dev/null; exit {status}")
    with pytest.raises(OSError, match=f"exit status {status}") as raised:
        asyncio.run(sink.deliver([alert_body()]))
    assert isinstance(raised.value, RefusedError) is refused
    if isinstance(raised.value, RefusedError):
        assert raised.value.answer == "user unknown"


def test_a_program_that_reads_nothing_is_no_crash(make: Make) -> None:
    with pytest.raises(OSError, match="exit status 75"):
        asyncio.run(make("exit 75").deliver([alert_body("x" * 400)] * 100))


def test_a_program_that_hangs_is_ended_with_what_it_started(tmp_path: Path, make: Make) -> None:
    sink = make(f"sleep 600 & echo $! > {tmp_path}/child; wait", timeout_seconds=0.5)
    with pytest.raises(TimeoutError, match=r"not done within 0\.5 s"):
        asyncio.run(sink.deliver([alert_body()]))
    child = int((tmp_path / "child").read_text())
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            break
        if b" Z " in Path(f"/proc/{child}/stat").read_bytes():
            break
        time.sleep(0.01)
    else:
        pytest.fail("its child lives on")


def test_a_program_that_is_not_there_is_tried_again() -> None:
    sink = MailSink(Email(enabled=True, sendmail="/none/sendmail", to=["root"]), "web1")
    with pytest.raises(OSError, match="/none/sendmail: No such file"):
        asyncio.run(sink.deliver([alert_body()]))


def test_a_host_s_odd_name_makes_no_odd_address(tmp_path: Path, make: Make) -> None:
    sink = make()
    sink._instance = "wéb<1>, x@y"
    asyncio.run(sink.deliver([alert_body()]))
    assert sent(tmp_path)["From"] == "TinyLogBERT <tinylogbert@wb1xy>"
