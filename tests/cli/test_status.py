"""``tinylogbert status``: asks the daemon where one answers, else reads its state directory."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.web.doubles import StubHealth, make_app
from tests.web.states import FILE, write_state
from tinylogbert_daemon import cli
from tinylogbert_daemon.cli import status as command
from tinylogbert_daemon.web import server
from tinylogbert_daemon.web.status import Status, empty_status


@contextmanager
def _daemon(health: StubHealth) -> Iterator[int]:
    """Run a server with the daemon's API in a thread; gives its port."""
    sock = server.bind("127.0.0.1", 0)
    port: int = sock.getsockname()[1]
    started = threading.Event()
    stops = []

    async def live() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        stops.append(lambda: loop.call_soon_threadsafe(stop.set))
        started.set()
        await server.serve(make_app(health=health), sock, stop)

    thread = threading.Thread(target=asyncio.run, args=(live(),))
    thread.start()
    started.wait()
    try:
        yield port
    finally:
        stops[0]()
        thread.join()


@contextmanager
def _other_program(answer: bytes | None) -> Iterator[int]:
    """Accept one connection and send ``answer``, or nothing; gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def live() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                if answer is not None:
                    connection.sendall(answer)
                else:
                    connection.recv(4096)  # until the other side gives up

        thread = threading.Thread(target=live)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            thread.join()


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    """A state directory with 120 lines of one file."""
    directory = tmp_path / "state"
    write_state(directory)
    return directory


def _config(tmp_path: Path, state_dir: Path, port: int) -> Path:
    path = tmp_path / "tinylogbert.yaml"
    path.write_text(f"state_dir: {state_dir}\nhttp:\n  port: {port}\n")
    return path


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _json(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[Status, str]:
    """Run ``status --json``; return what it printed on standard output and on standard error."""
    assert cli.main(["status", "--json", *map(str, arguments)]) == 0
    captured = capsys.readouterr()
    answer: Status = json.loads(captured.out)
    return answer, captured.err


def test_without_a_daemon_the_state_directory_is_read(
    tmp_path: Path, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer, errors = _json(capsys, "-c", _config(tmp_path, state_dir, _free_port()))
    assert answer["daemon"] == "not running"
    assert answer["files"] == {FILE: 120}
    assert answer["incidents_open"] == 1
    assert answer["deliveries_pending"] == {"jsonl": 2, "log": 1}
    assert errors == ""
    assert answer.keys() == Status.__annotations__.keys()


def test_a_running_daemon_is_asked(
    tmp_path: Path, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    health = StubHealth()
    health.now = {
        **empty_status("9.9"),
        "daemon": "running",
        "model": "tinylogbert-0123456789ab",
        "uptime_seconds": 61.5,
        "state_dir": str(state_dir),
        "files": {FILE: 130},
    }
    with _daemon(health) as port:
        answer, errors = _json(capsys, "-c", _config(tmp_path, state_dir, port))
    assert answer == health.now
    assert errors == ""


def test_a_daemon_with_another_state_is_not_mistaken_for_ours(
    tmp_path: Path, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    health = StubHealth()
    health.now["state_dir"] = str(tmp_path / "elsewhere")
    with _daemon(health) as port:
        answer, _ = _json(capsys, "-c", _config(tmp_path, state_dir, port))
    assert answer["daemon"] == "not running"
    assert answer["state_dir"] == str(state_dir)


def test_serve_answers_but_not_for_a_named_state_directory(
    tmp_path: Path, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with _daemon(StubHealth()) as port:
        config = _config(tmp_path, tmp_path / "none", port)
        without, _ = _json(capsys, "-c", config)
        named, _ = _json(capsys, "-c", config, "--state-dir", state_dir)
    assert (without["daemon"], without["state_dir"]) == ("running", None)
    assert (named["daemon"], named["files"]) == ("not running", {FILE: 120})


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n\xff\x00[[[",
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{",
        b"220 mail.example ESMTP\r\n",
        b"",
        None,
    ],
)
def test_another_program_at_that_address_is_said_and_the_state_read(
    answer: bytes | None,
    tmp_path: Path,
    state_dir: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if answer is None:
        monkeypatch.setattr(command, "ASK_SECONDS", 0.1)
    with _other_program(answer) as port:
        found, errors = _json(capsys, "-c", _config(tmp_path, state_dir, port))
    assert (found["daemon"], found["files"]) == ("not running", {FILE: 120})
    assert errors.count("\n") == 1
    assert errors.startswith(f"127.0.0.1:{port}: ")


def test_where_http_is_off_nobody_is_asked(
    tmp_path: Path, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with _daemon(StubHealth()) as port:
        config = _config(tmp_path, state_dir, port)
        config.write_text(config.read_text() + "  enabled: false\n")
        answer, _ = _json(capsys, "-c", config)
    assert answer["daemon"] == "not running"


def test_neither_daemon_nor_state_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = _config(tmp_path, tmp_path / "none", _free_port())
    assert cli.main(["status", "-c", str(config)]) == 1
    assert capsys.readouterr().err == (
        f"tinylogbert: {tmp_path}/none: holds no state of a daemon; check state_dir\n"
    )


def test_people_get_a_line_each(
    tmp_path: Path, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = _config(tmp_path, state_dir, _free_port())
    assert cli.main(["status", "-c", str(config)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("daemon      not running, version ")
    assert lines[1:] == [
        "model       -",
        f"state       {state_dir}",
        "incidents   1 open",
        "deliveries  jsonl 2, log 1 pending",
        "suppressed  budget 4, storm 7",
        "source      system: 110 records, learning, log time 1970-01-01T02:00:00+00:00",
        f"file        {FILE}: 120 lines",
    ]


def test_it_loads_nothing_heavy(tmp_path: Path, state_dir: Path) -> None:
    program = (
        "import sys; from tinylogbert_daemon.cli import main; main(sys.argv[1:]); "
        "print([name for name in ('torch', 'numpy', 'fastapi', 'uvicorn') if name in sys.modules])"
    )
    config = _config(tmp_path, state_dir, _free_port())
    done = subprocess.run(
        [sys.executable, "-c", program, "status", "-c", str(config)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_what_people_see_is_harmless_and_complete() -> None:
    status = empty_status("9.9")
    status["daemon"] = "running"
    status["uptime_seconds"] = 90_061.5
    status["files"] = {"/tmp/\x1b[31mred\nfile": 1_234_567}
    status["sources"] = {
        "never": {"records": 0, "log_time": None, "learning_since": None, "learning": True},
        "wild": {"records": 1, "log_time": 1e18, "learning_since": 0.0, "learning": False},
    }
    shown = command.describe(status)
    assert "running for 1 day, 1:01:01, version 9.9" in shown
    assert "deliveries  none pending" in shown
    assert r"file        /tmp/\x1b[31mred\nfile: 1,234,567 lines" in shown
    assert "never: 0 records, learning, log time -" in shown
    assert "wild: 1 records, watching, log time -" in shown
