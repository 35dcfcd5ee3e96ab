"""The folder of models trained on this host, and the ledger of what became of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tinylogbert_daemon.errors import ArtifactError, StateError
from tinylogbert_daemon.state.models import Models, Shadow, empty_ledger

OLD, NEW = "tinylogbert-000000000000", "tinylogbert-111111111111"


@pytest.fixture
def models(tmp_path: Path) -> Models:
    made = Models(tmp_path)
    made.make()
    return made


def _shadow(model: str, reason: str | None = None) -> Shadow:
    return {
        "model": model, "before": OLD, "at": 1.0, "reason": reason, "texts": 3, "agreement": 1.0,
        "new_alerts": 0, "gone_alerts": 0, "incidents": 0, "incidents_kept": 0,
        "new_texts": [], "gone_texts": [],
    }  # fmt: skip


def _artifact(models: Models, number: int) -> Path:
    folder = models.folder / f"tinylogbert-{number:012x}"
    folder.mkdir()
    os.utime(folder, (number, number))
    return folder


def test_what_is_accepted_stands_in_for_what_was_configured_then(models: Models) -> None:
    assert models.ledger() == empty_ledger()
    models.accept(_shadow(NEW), OLD)
    models.refuse(_shadow("tinylogbert-222222222222", "it is worse"))
    assert models.accepted(OLD) == NEW
    assert models.accepted("tinylogbert-333333333333") is None
    assert models.ledger()["refused"] == {"tinylogbert-222222222222": "it is worse"}
    assert models.folder.stat().st_mode & 0o077 == 0
    assert (models.folder / "ledger.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", ["", "{", "[]", '{"accepted": 7}', "\0"])
def test_a_damaged_ledger_is_an_empty_one(models: Models, content: str) -> None:
    (models.folder / "ledger.json").write_text(content)
    assert models.ledger() == empty_ledger()


def test_the_newest_is_what_the_symlink_names(models: Models) -> None:
    assert models.newest("tinylogbert") is None
    link = models.folder / "tinylogbert"
    link.symlink_to(NEW)
    assert models.newest("tinylogbert") == NEW
    link.unlink()
    link.symlink_to("../../etc")
    assert models.newest("tinylogbert") is None


def test_only_the_newest_and_those_in_use_are_kept(models: Models) -> None:
    folders = [_artifact(models, number) for number in range(1, 8)]
    models.accept(_shadow(folders[0].name), OLD)
    (models.folder / "tinylogbert").symlink_to(folders[2].name)
    (models.folder / ".resume-abc").mkdir()
    (models.folder / "notes").mkdir()
    models.tidy()
    left = {path for path in models.folder.iterdir() if path.is_dir() and not path.is_symlink()}
    assert left == {folders[0], folders[2], *folders[4:], models.folder / "notes"}


def test_one_training_at_a_time(models: Models) -> None:
    with (
        models.locked(),
        pytest.raises(StateError, match="another training runs"),
        models.locked(),
    ):
        raise AssertionError("both have the lock")
    with models.locked():
        pass


def test_what_others_could_have_written_is_not_loaded(models: Models) -> None:
    folder = _artifact(models, 1)
    with pytest.raises(ArtifactError, match="not a model folder"):
        models.load(folder.name)
    folder.chmod(0o770)
    with pytest.raises(ArtifactError, match="can be written by others"):
        models.load(folder.name)
    folder.rmdir()
    folder.symlink_to("/")
    with pytest.raises(ArtifactError, match="is a symlink"):
        models.load(folder.name)
    with pytest.raises(ArtifactError, match="cannot read"):
        models.load(NEW)
