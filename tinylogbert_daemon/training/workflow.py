"""Steps that are done once: what each depended on and left behind stands in one JSON file.

A step is skipped if the same inputs and options made its outputs and these are still there,
unchanged. A crash in a step leaves the steps before it done; the file is replaced atomically.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import file_digest, sha256
from pathlib import Path
from random import Random
from typing import Any

from tinylogbert_daemon import __version__
from tinylogbert_daemon.errors import DataError
from tinylogbert_daemon.model.normalize import NORMALIZER_VERSION
from tinylogbert_daemon.training.corpus import Corpus

JOURNAL_FILE = "workflow.json"

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step did, in words, the files it wrote, and what later steps need to know."""

    told: str
    files: Sequence[Path] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """A step that is done: ``key`` is the hash of what it depended on, ``files`` map to SHA-256."""

    name: str
    key: str
    seconds: float
    told: str
    files: dict[str, str]
    detail: dict[str, Any]
    reused: bool = False

    @property
    def identity(self) -> list[Any]:
        """What a step that depends on this one depends on."""
        return [self.key, sorted(self.files.items())]


class Journal:
    """The steps of one output folder. ``say`` is told what is done, skipped and how long it took.

    Raises :class:`DataError` if the folder's journal is damaged.
    """

    def __init__(
        self,
        folder: Path,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = folder / JOURNAL_FILE
        self._say = say
        self._clock = clock
        self._spent: dict[str, float] = {}
        self.steps: list[Step] = []
        self._known: dict[str, Step] = {}
        if self._path.exists():
            self._load()

    def run(self, name: str, depends: Any, work: Callable[[], Outcome]) -> Step:
        """Return the step ``name``, done now unless it is done already.

        ``depends`` (JSON) is all that the outcome depends on. What ``work`` raises is raised; the
        time that it took counts when the step is taken up again.
        """
        content = json.dumps([name, __version__, NORMALIZER_VERSION, depends], sort_keys=True)
        key = sha256(content.encode()).hexdigest()
        title = f"step {len(self.steps) + 1}, {name}"
        known = self._known.get(name)
        if known is not None and known.key == key and _unchanged(known.files):
            self._say(f"{title}: skipped, its outputs are there and belong to the same inputs")
            self.steps.append(replace(known, reused=True))
            return self.steps[-1]
        self._say(f"{title} ...")
        began = self._clock()
        before = self._spent.get(key, 0.0)
        try:
            outcome = work()
        except BaseException:
            self._spent[key] = before + self._clock() - began
            self._write()
            raise
        seconds = before + self._clock() - began
        files = {str(path): _digest(path) for path in outcome.files}
        step = Step(name, key, round(seconds, 2), outcome.told, files, dict(outcome.detail))
        self._known[name] = step
        self._spent.pop(key, None)
        self._write()
        self._say(f"{title}: {outcome.told} ({seconds:.1f} s)")
        self.steps.append(step)
        return step

    def _load(self) -> None:
        try:
            content = json.loads(self._path.read_bytes())
            if content["format"] == _FORMAT:
                self._known = {step["name"]: Step(**step) for step in content["steps"]}
                self._spent = dict(content["spent"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{self._path}: cannot be read; remove it to begin anew: {error}"
            ) from error

    def _write(self) -> None:
        steps = [asdict(step) for step in self._known.values()]
        content = {"format": _FORMAT, "steps": steps, "spent": self._spent}
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(content, indent=1) + "\n")
        new.replace(self._path)


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of a file in hex; raises :class:`DataError` if it cannot be read."""
    try:
        return _digest(path)
    except OSError as error:
        raise DataError(f"{path}: cannot read: {(error.strerror or str(error)).lower()}") from error


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long to train: ``epochs`` over the texts of ``corpus``, ``steps`` in all."""

    corpus: Corpus
    epochs: int
    steps: int


def schedule(
    corpus: Corpus, epochs: int, batch_size: int, limit: int | None, seed: int = 0
) -> Schedule:
    """Return ``epochs`` over ``corpus``, or as much as ``limit`` steps of ``batch_size`` allow.

    Where not even one epoch fits, it is one over a random choice of the texts.
    """
    texts = corpus.texts
    a_pass = max(1, math.ceil(len(texts) / batch_size))
    if limit is None or a_pass * epochs <= limit:
        return Schedule(corpus, epochs, a_pass * epochs)
    if a_pass <= limit:
        epochs = limit // a_pass
        return Schedule(corpus, epochs, a_pass * epochs)
    chosen = set(Random(seed).sample(texts, limit * batch_size))  # noqa: S311 - not secret
    counts = {text: count for text, count in corpus.counts.items() if text in chosen}
    return Schedule(replace(corpus, counts=counts), 1, limit)


def _unchanged(files: Mapping[str, str]) -> bool:
    try:
        return all(_digest(Path(name)) == digest for name, digest in files.items())
    except OSError:
        return False


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()
