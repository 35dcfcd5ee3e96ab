"""Files of alerts that were written under other rules are masked when that is asked for."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from tests.decide.anomalies import anomaly
from tinylogbert_daemon.cli import main
from tinylogbert_daemon.decide.alert import body
from tinylogbert_daemon.decide.incident import Incident
from tinylogbert_daemon.decide.storms import Example, Storm
from tinylogbert_daemon.state import Store
from tinylogbert_daemon.state.models import Models, Shadow

LINE = "login with password=geheimnis failed"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps({"state_dir": str(tmp_path / "state")}))
    (tmp_path / "state").mkdir(mode=0o700)
    return path


def _alert() -> str:
    first = replace(
        anomaly("login with password geheimnis failed"), first_line=LINE, last_line=LINE
    )
    storm = Storm((1,), (Example(LINE, first.text, 0.9),), 0, 1.0)
    return body(Incident(first.id, first, 1.0, 2.0, 3, LINE, True, peak=0.9, storm=storm))


def test_alerts_are_masked_and_all_other_lines_stay(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "state" / "alerts.jsonl"
    torn = _alert()[:-20].encode()
    others = [b'{"n": 1}', b"[1, 2]", b"", b"\xff no text", b'{"log_text": 5}', b'"x"']
    path.write_bytes(b"\n".join([_alert().encode(), *others, torn]))
    path.chmod(0o644)
    assert main(["scrub", "-c", str(config)]) == 0
    assert capsys.readouterr().out == f"{path}: 2 lines masked\n"
    content = path.read_bytes()
    assert b"geheimnis" not in content.replace(b"password geheimnis", b"")
    first, *kept, last = content.split(b"\n")
    assert b"geheimnis" not in first
    assert json.loads(first)["log_text"] == LINE.replace("geheimnis", "[masked:password]")
    assert json.loads(first).keys() == json.loads(_alert()).keys()
    assert kept == others
    assert b"password=[masked:password]" in last
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir() if "scrub" in one.name] == []
    before = path.stat().st_ino
    assert main(["scrub", "-c", str(config), str(path)]) == 0
    assert path.stat().st_ino == before  # nothing to mask: the file is not replaced


def test_it_waits_for_no_daemon(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "alerts.jsonl.1"
    path.write_text(_alert())
    store = Store(tmp_path / "state")
    assert main(["scrub", "-c", str(config), str(path)]) == 1
    store.close()
    assert "another daemon uses this state; stop it" in capsys.readouterr().err
    assert path.read_text() == _alert()


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "is no regular file"), (b"\x1f\x8b\x08rest", "is compressed; unpack it first")],
)
def test_what_cannot_be_rewritten_is_one_line(
    tmp_path: Path,
    config: Path,
    capsys: pytest.CaptureFixture[str],
    content: bytes | None,
    why: str,
) -> None:
    path = tmp_path / "alerts.jsonl.gz"
    if content is not None:
        path.write_bytes(content)
    assert main(["scrub", "-c", str(config), str(path)]) == 1
    assert capsys.readouterr().err == f"tinylogbert: {path}: {why}" + (
        "; name the file itself\n" if content is None else "\n"
    )
    assert content is None or path.read_bytes() == content


def test_texts_of_the_ledger_go_with_the_rules_and_with_age(tmp_path: Path) -> None:
    from tinylogbert_daemon.privacy import Masker

    models = Models(tmp_path)
    shadow: Shadow = {
        "model": "a",
        "before": "b",
        "at": 100.0,
        "reason": None,
        "texts": 9,
        "agreement": 1.0,
        "new_alerts": 1,
        "gone_alerts": 1,
        "incidents": 0,
        "incidents_kept": 0,
        "new_texts": ["password geheimnis"],
        "gone_texts": ["token abc"],
    }

    def kept() -> list[str]:
        found = models.ledger()["shadow"]
        assert found is not None and found["texts"] == 9
        return [*found["new_texts"], *found["gone_texts"]]

    models.accept(shadow, "b")
    models.forget_texts(before=100.0)
    assert kept() == ["password geheimnis", "token abc"]
    models.forget_texts(before=101.0)
    assert kept() == []
    store = Store(tmp_path)
    store.scrub(Masker())
    models.accept(shadow, "b")
    store.scrub(Masker())  # the same rules
    assert len(kept()) == 2
    store.scrub(Masker(["iban"]))
    assert kept() == []
    assert models.ledger()["accepted"] == "a"
    store.close()
