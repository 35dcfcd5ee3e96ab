"""The artifact: found by each of its names, refused in one line when anything is wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
import torch

from tinylogbert_daemon.errors import ArtifactError
from tinylogbert_daemon.model import artifact
from tinylogbert_daemon.model.artifact import find, load, write


@pytest.fixture
def copy(model_folder: Path, tmp_path: Path) -> Path:
    """A copy of the artifact that a test may damage."""
    return Path(shutil.copytree(model_folder, tmp_path / model_folder.name))


def refusal(model: Path | str) -> str:
    with pytest.raises(ArtifactError) as error:
        load(str(model)).graph()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_folder_the_symlink_and_the_model_file_name_the_same(model_folder: Path) -> None:
    names = (
        model_folder,
        model_folder / "model.pt",
        model_folder.parent / "tinylogbert",
        model_folder.parent / "tinylogbert" / "model.pt",
    )
    assert {load(str(name)).name for name in names} == {model_folder.name}
    assert {find(str(name)) for name in names} == {model_folder.resolve()}


def test_the_name_is_the_hash_of_the_manifest(model_folder: Path) -> None:
    content = (model_folder / "manifest.json").read_bytes()
    assert model_folder.name == f"tinylogbert-{sha256(content).hexdigest()[:12]}"
    assert load(str(model_folder)).manifest.to_bytes() == content


@pytest.mark.parametrize("name", ["model.pt", "tokenizer.json", "manifest.json"])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    assert name in refusal(copy)


@pytest.mark.parametrize("name", ["model.pt", "tokenizer.json", "manifest.json"])
@pytest.mark.parametrize("place", [0.01, 0.5, 0.99])
def test_one_changed_byte_anywhere_is_refused(copy: Path, name: str, place: float) -> None:
    content = bytearray((copy / name).read_bytes())
    content[int(place * len(content))] ^= 1
    (copy / name).write_bytes(content)
    assert name in refusal(copy)


@pytest.mark.parametrize("name", ["model.pt", "tokenizer.json", "manifest.json"])
@pytest.mark.parametrize("change", [lambda content: b"", lambda content: content[:-1]])
def test_a_truncated_file_is_refused(
    copy: Path, name: str, change: Callable[[bytes], bytes]
) -> None:
    (copy / name).write_bytes(change((copy / name).read_bytes()))
    assert name in refusal(copy)


def rewrite(folder: Path, **fields: object) -> Path:
    """Change the manifest and name the folder by its new hash: all hashes are right."""
    path = folder / "manifest.json"
    content = json.loads(path.read_bytes()) | fields
    path.write_bytes((json.dumps(content, indent=1, sort_keys=True) + "\n").encode())
    digest = sha256(path.read_bytes()).hexdigest()[:12]
    return folder.rename(folder.with_name(f"tinylogbert-{digest}"))


def test_another_format_or_normalizer_is_refused(copy: Path) -> None:
    assert "artifact format 99" in refusal(rewrite(copy, format=99))


def test_another_normalizer_is_refused(copy: Path) -> None:
    assert "made for normalizer 99" in refusal(rewrite(copy, normalizer=99))


def test_a_manifest_with_strange_fields_is_refused(copy: Path) -> None:
    assert "not a model manifest" in refusal(rewrite(copy, strange=1))


@pytest.mark.parametrize("content", [b"[]", b"null", b"\xff", b"{}", b"[" * 100_000])
def test_a_manifest_that_is_none_is_refused(copy: Path, content: bytes) -> None:
    (copy / "manifest.json").write_bytes(content)
    assert "manifest.json" in refusal(copy)


def test_a_model_that_is_no_torchscript_is_refused(copy: Path) -> None:
    (copy / "model.pt").write_bytes(b"not a model")
    files = json.loads((copy / "manifest.json").read_bytes())["files"]
    folder = rewrite(copy, files=files | {"model.pt": sha256(b"not a model").hexdigest()})
    assert "cannot load it" in refusal(folder)


def test_a_folder_with_another_hash_in_its_name_is_refused(copy: Path) -> None:
    assert "has been changed" in refusal(copy.rename(copy.with_name("tinylogbert-0123456789ab")))


def test_a_folder_may_have_a_name_without_a_hash(copy: Path, model_folder: Path) -> None:
    assert load(str(copy.rename(copy.with_name("mine")))).name == model_folder.name


def test_what_is_no_artifact_is_refused(tmp_path: Path) -> None:
    assert "no such model" in refusal(tmp_path / "none")
    assert "not a model folder" in refusal(tmp_path)
    (tmp_path / "file").write_text("x")
    assert "not a model folder" in refusal(tmp_path / "file")


def test_writing_the_same_again_changes_nothing(model_folder: Path, tmp_path: Path) -> None:
    source = load(str(model_folder))

    def again() -> Path:
        return write(
            tmp_path / "new",
            model_type="tinylogbert",
            model=source.model,
            tokenizer=source.tokenizer,
            training=source.manifest.training,
            calibration=source.manifest.calibration,
            counts=source.manifest.counts,
            pairs=source.manifest.pairs,
            ranges=source.manifest.ranges,
        )

    assert again().name == model_folder.name
    before = (again() / "model.pt").stat().st_mtime_ns
    assert (again() / "model.pt").stat().st_mtime_ns == before
    assert [path.name for path in (tmp_path / "new").iterdir()] == [model_folder.name]


def test_weights_are_stored_in_half_and_run_in_single_precision(model_folder: Path) -> None:
    found = load(str(model_folder))
    stored = found.unfrozen_graph().state_dict()
    assert {value.dtype for value in stored.values() if value.is_floating_point()} == {
        torch.float16
    }
    surprise, _, _ = found.graph()(
        torch.tensor([[2, 40, 41, 3]]), torch.ones(1, 4, dtype=torch.bool)
    )
    assert surprise.dtype == torch.float32


def test_the_default_is_the_base_model() -> None:
    assert find(None) == find("base") == artifact.base_folder()
