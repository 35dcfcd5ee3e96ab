"""A model is taken from nobody but its user and root, and a pinned one is that one for good."""

from __future__ import annotations

import os
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from tests.conftest import RunCommand
from tests.daemon.service import Service, call, until
from tinylogbert_daemon.config import parse
from tinylogbert_daemon.errors import ArtifactError
from tinylogbert_daemon.model.artifact import base_folder, load, write

PARTS = ["", "manifest.json", "model.pt", "tokenizer.json"]


@pytest.fixture
def copy(model_folder: Path, tmp_path: Path) -> Path:
    """A copy of the artifact that a test may open to others."""
    return Path(shutil.copytree(model_folder, tmp_path / model_folder.name))


def refusal(model: Path, pinned: str = "") -> str:
    with pytest.raises(ArtifactError) as error:
        load(str(model), pinned)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("mode", [0o020, 0o002])
def test_what_a_group_or_all_could_write_is_refused(copy: Path, part: str, mode: int) -> None:
    path = copy / part
    path.chmod(path.stat().st_mode | mode)
    assert refusal(copy).startswith(f"{path}: can be written by others")
    path.chmod(path.stat().st_mode & ~mode)
    assert load(str(copy)).name == copy.name


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give files away")
@pytest.mark.parametrize("part", PARTS)
def test_what_belongs_to_another_user_is_refused(copy: Path, part: str) -> None:
    os.chown(copy / part, 65534, -1)
    assert refusal(copy).startswith(f"{copy / part}: belongs to another user")


@pytest.mark.parametrize("part", PARTS[1:])
def test_a_part_that_stands_elsewhere_is_refused(copy: Path, part: str, tmp_path: Path) -> None:
    (copy / part).rename(tmp_path / part)
    (copy / part).symlink_to(tmp_path / part)
    assert refusal(copy).startswith(f"{copy / part}: belongs to another user, or is a symlink")


def test_what_is_written_under_a_lax_umask_can_be_loaded(copy: Path, tmp_path: Path) -> None:
    model = load(str(copy))
    before = os.umask(0)
    try:
        folder = write(
            tmp_path / "new",
            model_type="tinylogbert",
            model=model.model,
            tokenizer=model.tokenizer,
            training={},
            calibration=model.manifest.calibration,
            counts={},
        )
    finally:
        os.umask(before)
    assert load(str(folder)).name == folder.name


def test_a_pinned_model_is_that_one(copy: Path) -> None:
    digest = sha256((copy / "manifest.json").read_bytes()).hexdigest()
    assert load(str(copy), digest).name == copy.name
    other = sha256(b"another").hexdigest()
    assert refusal(copy, other) == (
        f"{copy}/manifest.json: has the SHA-256 {digest}, not the one that model.sha256 pins; "
        "restore the model, or pin this one (for one command alone: "
        f"TINYLOGBERT_MODEL__SHA256={digest})"
    )
    with pytest.raises(ArtifactError, match=r"model\.sha256 pins"):
        load("base", other)


def test_a_pinned_model_is_not_replaced_by_one_that_was_trained_here() -> None:
    assert parse("", "f").swaps
    assert not parse(f"model: {{sha256: {'a' * 64}}}", "f").swaps
    assert parse(f"model: {{sha256: {'a' * 64}}}\nlearning: {{swap: always}}", "f").swaps


def test_a_daemon_starts_and_reloads_with_the_pinned_model_only(tmp_path: Path, copy: Path) -> None:
    service = Service(tmp_path, copy)
    try:
        digest = sha256((copy / "manifest.json").read_bytes()).hexdigest()
        pin = {"path": str(copy), "sha256": digest}
        wrong = {"path": str(copy), "sha256": digest[::-1]}
        service.configure(model=wrong)
        for command in ("check", "run"):
            done = call(command, "-c", service.config_file)
            assert done.returncode == 1
            (line,) = done.stderr.splitlines()
            assert "not the one that model.sha256 pins" in line
        service.configure(model=pin)
        service.start()
        service.configure(model=wrong)
        service.send(1)
        until(lambda: service.event("cannot run so, the old configuration stays"), "a refusal")
        until(lambda: len(service.events("running")) == 2, "running as before")
        assert service.stop() == 0
    finally:
        service.kill()


def test_the_base_model_is_known_by_its_hash(tmp_path: Path) -> None:
    # installed under a lax umask it may be open to a group, as the code beside it then is
    assert load().folder == base_folder()
    folder = Path(shutil.copytree(base_folder(), tmp_path / base_folder().name))
    (folder / "model.pt").chmod(0o666)
    assert "can be written by others" in refusal(folder)


def test_a_command_takes_no_other_model_than_the_pinned_one(
    copy: Path, command: RunCommand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    digest = sha256((copy / "manifest.json").read_bytes()).hexdigest()
    log = tmp_path / "app.log"
    log.write_text("INFO started\n")
    commands = (("tokenize", "a line"), ("detect", "a line"), ("batch", log))
    monkeypatch.setenv("TINYLOGBERT_MODEL__SHA256", sha256(b"another").hexdigest())
    for name, what in commands:
        with pytest.raises(ArtifactError, match=f"TINYLOGBERT_MODEL__SHA256={digest}"):
            command(name, what, "--model", copy)
    monkeypatch.setenv("TINYLOGBERT_MODEL__SHA256", digest)
    for name, what in commands:
        assert command(name, what, "--model", copy) == 0
