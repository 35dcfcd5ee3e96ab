"""``tinylogbert alerts``: what each sink answers, what was given up, and nothing secret."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RunCommand
from tests.sinks.server import OK, alert_body, answer, serve
from tinylogbert_daemon.errors import ConfigError, StateError
from tinylogbert_daemon.state import Effects, Store

SECRET = "s3cr3t"


@pytest.fixture
def configure(tmp_path: Path) -> Any:
    """Write a configuration with these sinks; the state is in ``state``."""

    def write(**sinks: Any) -> Path:
        path = tmp_path / "tinylogbert.yaml"
        (tmp_path / "state").mkdir(exist_ok=True)
        path.write_text(json.dumps({"state_dir": str(tmp_path / "state"), "sinks": sinks}))
        return path

    return write


OFF = {"enabled": False}


def test_a_test_alert_goes_through_each_sink(
    configure: Any, command: RunCommand, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with serve(OK) as well, serve(answer("403 Forbidden", content=b"no\x1b such token")) as ill:
        url = f"http://u:{SECRET}@127.0.0.1:{ill.port}/{SECRET}"
        config = configure(
            stdout={"enabled": True},
            webhook={"enabled": True, "url": url},
            alertmanager={"enabled": True, "urls": [well.url]},
            syslog={"enabled": True, "address": str(tmp_path / "none")},
        )
        assert command("alerts", "test", "-c", config) == 1
        (request,) = well.requests
        assert len(ill.requests) == 1
    assert request.json[0]["labels"]["alertname"] == "TinyLogBERTTest"
    out, err = capfd.readouterr()
    lines = out.splitlines()
    assert lines[0] == f"jsonl        ok     {tmp_path}/state/alerts.jsonl: appended"
    assert lines[1] == "log          ok     logged"
    assert "TEST alert" in lines[2]
    assert lines[3] == "stdout       ok     standard output: written"
    assert lines[4] == f"alertmanager ok     {well.url}: 200 OK"
    assert lines[5] == (
        f"webhook      FAILED http://127.0.0.1:{ill.port}: answered 403 Forbidden "
        "(no\\x1b such token)"
    )
    assert lines[6].startswith(f"syslog       FAILED unix {tmp_path}/none: ")
    assert "nothing is wrong" in err  # the log sink
    assert "nothing is wrong" in (tmp_path / "state" / "alerts.jsonl").read_text()
    assert SECRET not in out + err


def test_one_sink_alone(
    configure: Any, command: RunCommand, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configure(jsonl=OFF)
    assert command("alerts", "test", "-c", config, "--sink", "log") == 0
    assert capsys.readouterr().out == "log          ok     logged\n"
    with pytest.raises(ConfigError, match="jsonl: no such sink is enabled; enabled are: log"):
        command("alerts", "test", "-c", config, "--sink", "jsonl")
    with pytest.raises(ConfigError, match="no sink is enabled"):
        command("alerts", "test", "-c", configure(jsonl=OFF, log=OFF))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root writes into folders of others")
def test_no_file_is_made_that_the_daemon_could_not_write(
    configure: Any, command: RunCommand, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configure(log=OFF)
    os.chown(tmp_path / "state", 12345, 12345)
    assert command("alerts", "test", "-c", config) == 1
    assert "run this as the daemon's user" in capsys.readouterr().out
    assert not (tmp_path / "state" / "alerts.jsonl").exists()


def _give_up(state: Path) -> None:
    store = Store(state)
    for sink, line in (("webhook", "disk\x1b failed"), ("email", "no journal")):
        body = alert_body(line)
        store.commit(Effects(deliveries=[(sink, json.loads(body)["id"], body)]))
        (owed,) = store.pending(sink, 1)
        store.give_up({owed.number: "answered 400 Bad Request"}, 1000.0, 10)
    store.close()


def test_what_was_given_up_is_listed_and_put_back(
    configure: Any, command: RunCommand, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configure()
    _give_up(tmp_path / "state")
    assert command("alerts", "dead", "-c", config) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert (
        "webhook  given up 1970-01-01 00:16:40Z after 1 failed try: answered 400 Bad Request" in out
    )
    assert "  line    disk\\x1b failed" in out
    assert command("alerts", "dead", "-c", config, "--json", "--sink", "email") == 0
    (found,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (found["sink"], found["reason"], found["died"]) == (
        "email",
        "answered 400 Bad Request",
        1000.0,
    )
    assert found["alert"]["log_text"] == "no journal"
    assert command("alerts", "retry", "-c", config, "--sink", "email", found["id"]) == 0
    assert capsys.readouterr().out == "1 alert is owed again\n"
    assert command("alerts", "retry", "--state-dir", tmp_path / "state", "-c", config) == 0
    assert command("alerts", "dead", "-c", config) == 0
    assert capsys.readouterr().out == "1 alert is owed again\nno alert was given up\n"
    store = Store(tmp_path / "state")
    assert store.pending_counts() == {"email": 1, "webhook": 1}
    store.close()


def test_without_a_state_it_says_so(configure: Any, command: RunCommand) -> None:
    for action in ("dead", "retry"):
        with pytest.raises(StateError, match="holds no state of a daemon"):
            command("alerts", action, "-c", configure())


def test_check_names_the_sinks_and_their_mistakes_but_no_secret(
    configure: Any,
    command: RunCommand,
    tmp_path: Path,
    model_folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    token = tmp_path / "token"
    token.write_text(SECRET)
    webhook = {"enabled": True, "url": f"https://u:{SECRET}@hooks.example.org/{SECRET}?k={SECRET}"}
    headers = {"X-Key": SECRET}
    program = tmp_path / "sendmail"
    program.touch(0o755)
    email = {"enabled": True, "to": ["ops@example.org"], "sendmail": str(program)}

    def check(**sinks: Any) -> int:
        path = configure(**sinks)
        content = json.loads(path.read_text()) | {"model": {"path": str(model_folder)}}
        path.write_text(json.dumps(content))
        return command("check", "-c", path)

    well = {**webhook, "headers": headers}
    managers = {"enabled": True, "token_file": str(token)}
    assert check(webhook=well, alertmanager=managers, email=email) == 0
    out = capsys.readouterr().out
    assert "sink webhook: https://hooks.example.org\n" in out
    assert "sink alertmanager: http://127.0.0.1:9093\n" in out
    assert f"sink email: ops@example.org through {program}\n" in out
    assert SECRET not in out
    token.write_text(f"{SECRET}\n{SECRET}")
    program.chmod(0o644)
    with pytest.raises(ConfigError) as raised:
        check(webhook=well, alertmanager={**managers, "ca_file": str(token)}, email=email)
    lines = str(raised.value).splitlines()
    assert (
        lines[0] == f"sinks.alertmanager.token_file: {token}: must hold one line of printable ASCII"
    )
    assert lines[1].startswith(f"sinks.alertmanager.ca_file: {token}: ")
    assert lines[2] == f"sinks.email.sendmail: {program}: no program that can be run"
    assert SECRET not in str(raised.value)
