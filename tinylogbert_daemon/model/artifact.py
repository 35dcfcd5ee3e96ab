"""The artifact: an immutable folder, named by its hash, behind one loader and one writer.

``<type>-<hash12>/`` holds ``model.pt`` (TorchScript, unfrozen, weights may be fp16),
``tokenizer.json`` and ``manifest.json``; the hash is the SHA-256 of the manifest, which in turn
holds the SHA-256 of the other files. No pickle is read: TorchScript has its own loader, and it is
handed only bytes whose hash has been checked.
"""

from __future__ import annotations

import io
import json
import re
import warnings
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinylogbert_daemon.errors import ArtifactError
from tinylogbert_daemon.model.normalize import NORMALIZER_VERSION
from tinylogbert_daemon.model.tokenizer import Tokenizer
from tinylogbert_daemon.model.trust import check_private, make_private

if TYPE_CHECKING:
    import torch

    from tinylogbert_daemon.config.schema import Numbers

FORMAT = 1
MODEL_FILE = "model.pt"
TOKENIZER_FILE = "tokenizer.json"
MANIFEST_FILE = "manifest.json"
BASE_MODEL = "tinylogbert-f8b40730b2d4"
"""The base model's folder under ``model/base``: a changed file there is refused."""

_BASE_FOLDER = Path(__file__).parent / "base"
_LARGEST = 1e6  # that goes into a product
_NAME = re.compile(r"(?P<type>[a-z_]+)-(?P<hash>[0-9a-f]{12})")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What ``manifest.json`` says.

    ``files`` maps each other file to its SHA-256 in hex; ``training`` is a summary for people and
    ``status``, with ``timestamp`` in seconds since the epoch; ``calibration`` is for the
    decision stage; ``counts`` maps a text key (16 hex digits) to its episodes in the training
    data, ``pairs`` holds those of their word pairs; both are for the decision stage. ``ranges`` are
    for int8 (see :mod:`tinylogbert_daemon.model.products`); there are none where int8 would not do.
    """

    model_type: str
    files: dict[str, str]
    training: dict[str, Any]
    calibration: dict[str, Any]
    counts: dict[str, int] = field(default_factory=dict)
    pairs: str = ""
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    format: int = FORMAT
    normalizer: int = NORMALIZER_VERSION

    def to_bytes(self) -> bytes:
        """Return the file's content; equal manifests give equal bytes."""
        return (json.dumps(asdict(self), indent=1, sort_keys=True) + "\n").encode()

    @property
    def name(self) -> str:
        """The folder's name, ``<type>-<hash12>``."""
        return f"{self.model_type}-{sha256(self.to_bytes()).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A checked artifact.

    ``model`` holds the bytes of ``model.pt``, their hash verified; if it is empty, they are read
    and checked again when they are asked for.
    """

    name: str
    folder: Path
    manifest: Manifest
    tokenizer: Tokenizer
    model: bytes

    def graph(self, numbers: Numbers = "fp32") -> torch.jit.ScriptModule:
        """Return the TorchScript graph, its products in ``numbers``, frozen for inference.

        Raises :class:`ArtifactError` if there is none in int8.
        """
        import torch

        from tinylogbert_daemon.model.products import has_int8, in_int8, in_tiles

        module = self.unfrozen_graph().to(torch.bfloat16 if numbers == "bf16" else torch.float32)
        module.eval()
        if numbers == "bf16":
            in_tiles(module)
        elif numbers == "int8":
            if not self.manifest.ranges or not has_int8():
                raise ArtifactError(
                    f"{self.folder}: cannot be computed in int8 "
                    + ("on this host" if self.manifest.ranges else "(it says no ranges)")
                    + "; set model.precision to auto"
                )
            in_int8(module, self.manifest.ranges)
        frozen: torch.jit.ScriptModule = torch.jit.freeze(module)
        return frozen

    def unfrozen_graph(self) -> torch.jit.ScriptModule:
        """Return the graph as saved; its ``state_dict`` is what further training starts from."""
        import torch  # on use: checking an artifact needs no torch, and its import takes a second

        model = self.model or _checked(self.folder, MODEL_FILE, self.manifest)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # TorchScript is DESIGN's choice
            try:
                module: torch.jit.ScriptModule = torch.jit.load(  # type: ignore[no-untyped-call]
                    io.BytesIO(model), map_location="cpu"
                )
            except RuntimeError as error:
                raise ArtifactError(
                    f"{self.folder / MODEL_FILE}: this torch ({torch.__version__}) cannot load it: "
                    f"{str(error).strip().splitlines()[0]}"
                ) from error
        return module


def base_folder() -> Path:
    """Return the folder of the model that ships with the package."""
    return _BASE_FOLDER / BASE_MODEL


def find(model: str | None) -> Path:
    """Return the artifact folder that ``model`` names.

    ``model`` is ``None`` or ``"base"``, a folder, a symlink to one, or its ``model.pt``. Raises
    :class:`ArtifactError` if there is none.
    """
    if model is None or model == "base":
        return base_folder()
    path = Path(model)
    if path.name == MODEL_FILE:
        path = path.parent
    if not path.exists():
        raise ArtifactError(f"{model}: no such model; name an artifact folder or its {MODEL_FILE}")
    if not (path / MANIFEST_FILE).is_file():
        raise ArtifactError(
            f"{model}: not a model folder (it has no {MANIFEST_FILE}); "
            "name one that `tinylogbert train` wrote"
        )
    return path.resolve()


def load(model: str | None = None, pinned: str = "") -> Artifact:
    """Return the checked artifact that ``model`` names (see :func:`find`).

    ``pinned``, if not empty, is the SHA-256 that its manifest must have, in hex. Raises
    :class:`ArtifactError`, with one clear line, if a file is missing, changed, to be written by
    others, or made for another format or normalizer.
    """
    folder = find(model)
    if folder != base_folder():  # whose hash stands in the code beside it
        for name in ("", MANIFEST_FILE, MODEL_FILE, TOKENIZER_FILE):
            check_private(folder / name)
    content = _read(folder / MANIFEST_FILE)
    digest = sha256(content).hexdigest()
    if pinned and digest != pinned:
        raise ArtifactError(
            f"{folder / MANIFEST_FILE}: has the SHA-256 {digest}, not the one that model.sha256 "
            "pins; restore the model, or pin this one (for one command alone: "
            f"TINYLOGBERT_MODEL__SHA256={digest})"
        )
    manifest = _parse(folder, content)
    named = _NAME.fullmatch(folder.name)
    actual = digest[:12]
    if named and named["hash"] != actual:
        raise ArtifactError(
            f"{folder / MANIFEST_FILE}: has been changed (hash {actual}, "
            f"the folder's name says {named['hash']}); restore the folder or train again"
        )
    weights = _checked(folder, MODEL_FILE, manifest)
    tokenizer = Tokenizer(_checked(folder, TOKENIZER_FILE, manifest).decode("utf-8", "replace"))
    return Artifact(f"{manifest.model_type}-{actual}", folder, manifest, tokenizer, weights)


def write(
    parent: Path,
    *,
    model_type: str,
    model: bytes,
    tokenizer: Tokenizer,
    training: dict[str, Any],
    calibration: dict[str, Any],
    counts: dict[str, int],
    pairs: str = "",
    ranges: dict[str, tuple[float, float]] | None = None,
) -> Path:
    """Write an artifact under ``parent`` and return its folder.

    The folder appears whole: it is written under a temporary name and then renamed, so a crash
    leaves at most a ``.tmp`` folder behind.
    """
    contents = {MODEL_FILE: model, TOKENIZER_FILE: tokenizer.to_json().encode()}
    manifest = Manifest(
        model_type=model_type,
        files={name: sha256(content).hexdigest() for name, content in contents.items()},
        training=training,
        calibration=calibration,
        counts=counts,
        pairs=pairs,
        ranges=ranges or {},
    )
    folder = parent / manifest.name
    if folder.exists():
        return folder
    temporary = parent / f".{manifest.name}.tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    for name, content in {**contents, MANIFEST_FILE: manifest.to_bytes()}.items():
        (temporary / name).write_bytes(content)
        make_private(temporary / name)
    make_private(temporary)
    temporary.rename(folder)
    return folder


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"{path}: cannot read this part of the model: {error.strerror}"
        ) from error


def _checked(folder: Path, name: str, manifest: Manifest) -> bytes:
    content = _read(folder / name)
    if sha256(content).hexdigest() != manifest.files.get(name):
        raise ArtifactError(
            f"{folder / name}: has been changed (its SHA-256 is not the one in "
            f"{MANIFEST_FILE}); restore the folder or train again"
        )
    return content


def _parse(folder: Path, content: bytes) -> Manifest:
    where = folder / MANIFEST_FILE
    try:
        fields = json.loads(content)
        if fields.get("format") != FORMAT:
            raise ArtifactError(
                f"{where}: artifact format {fields.get('format')!r}, this version reads {FORMAT}; "
                "train again"
            )
        manifest = Manifest(**fields)
        for low, high in manifest.ranges.values():
            if not -_LARGEST < low <= 0 <= high < _LARGEST:
                raise ValueError(f"{low:.3g} to {high:.3g} is no range")
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ArtifactError(f"{where}: not a model manifest: {error}") from error
    if manifest.normalizer != NORMALIZER_VERSION:
        raise ArtifactError(
            f"{where}: made for normalizer {manifest.normalizer}, this version has "
            f"{NORMALIZER_VERSION}; train again"
        )
    return manifest
