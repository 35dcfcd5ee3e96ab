"""The models that were trained on this host: their folder, and what the daemon made of each.

``models/`` in the state directory holds artifacts, for each model type a symlink to the one that
was trained last, and ``ledger.json``, which says which one is in use and which were refused. The
daemon alone writes the ledger; ``train`` writes the rest, under a lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterator
from math import inf
from pathlib import Path
from shutil import rmtree
from typing import Any

from pydantic import TypeAdapter

# pydantic takes the standard library's TypedDict only from Python 3.12 on
from typing_extensions import TypedDict

from tinylogbert_daemon.errors import StateError
from tinylogbert_daemon.model import artifact
from tinylogbert_daemon.model.artifact import Artifact
from tinylogbert_daemon.model.trust import check_private
from tinylogbert_daemon.state.modes import make_private, open_private

FOLDER = "models"
KEPT = 3
"""Artifacts that are kept, beside the one in use."""

_LEDGER = "ledger.json"
_REFUSALS = 50
_NAME = re.compile(r"[a-z_]+-[0-9a-f]{12}")


class Shadow(TypedDict):
    """A comparison of a new model with the one in use; ``at`` in seconds since the epoch.

    ``reason`` says why the new one was refused, None if it was not. ``new_alerts`` and
    ``gone_alerts`` count the texts that would alert now, and that would not any more; ``new_texts``
    and ``gone_texts`` are some of them. ``incidents`` is how many texts of strong incidents were
    looked at, ``incidents_kept`` how many of them the new model finds as well.
    """

    model: str
    before: str
    at: float
    reason: str | None
    texts: int
    agreement: float
    new_alerts: int
    gone_alerts: int
    incidents: int
    incidents_kept: int
    new_texts: list[str]
    gone_texts: list[str]


class Retraining(TypedDict):
    """The daemon's own last training run; ``reason`` says why it failed, None if it did not."""

    at: float
    seconds: float
    reason: str | None


class Ledger(TypedDict):
    """What was made of the models. ``configured`` is the model that ``accepted`` stands in for."""

    accepted: str | None
    configured: str | None
    refused: dict[str, str]
    shadow: Shadow | None
    retrained: Retraining | None


_LEDGER_TYPE = TypeAdapter(Ledger)


def empty_ledger() -> Ledger:
    """Return the ledger of a host on which no model was trained."""
    return {
        "accepted": None,
        "configured": None,
        "refused": {},
        "shadow": None,
        "retrained": None,
    }


class Models:
    """The models of one state directory."""

    def __init__(self, state_dir: Path) -> None:
        self.folder = state_dir / FOLDER

    def newest(self, model_type: str) -> str | None:
        """Return the name of the artifact of a type that was trained last, if there is one."""
        try:
            name = (self.folder / model_type).readlink().name
        except OSError:
            return None
        return name if _NAME.fullmatch(name) else None

    def accepted(self, configured: str) -> str | None:
        """Return the name of the model that stands in for ``configured``, if one does.

        Where another model is configured since, or a newer base model was installed, none does.
        """
        ledger = self.ledger()
        return ledger["accepted"] if ledger["configured"] == configured else None

    def load(self, name: str) -> Artifact:
        """Return the checked artifact ``name``.

        Raises :class:`ArtifactError` if it is not whole, or not this user's alone to write.
        """
        folder = self.folder / name
        for path in (self.folder, folder, *sorted(folder.glob("*"))):
            check_private(path)
        return artifact.load(str(folder))

    # -- the ledger: written by the daemon ----------------------------------------------------

    def ledger(self) -> Ledger:
        """Return the ledger; an empty one if there is none, or it is damaged."""
        try:
            return _LEDGER_TYPE.validate_json((self.folder / _LEDGER).read_bytes())
        except (OSError, ValueError):
            return empty_ledger()

    def accept(self, shadow: Shadow, configured: str) -> None:
        """Note that from now on the model of ``shadow`` stands in for ``configured``."""
        self._note(accepted=shadow["model"], configured=configured, shadow=shadow)

    def refuse(self, shadow: Shadow) -> None:
        """Note that the model of ``shadow`` is not to be tried again."""
        refused = {**self.ledger()["refused"], shadow["model"]: shadow["reason"] or ""}
        self._note(refused=dict(list(refused.items())[-_REFUSALS:]), shadow=shadow)

    def retrained(self, retraining: Retraining) -> None:
        """Note how a training run of the daemon's own ended."""
        self._note(retrained=retraining)

    def forget_texts(self, before: float = inf) -> None:
        """Let go of the texts of the last comparison, if it was made ``before`` (in seconds).

        They are of lines as they were masked then, and cannot be masked again.
        """
        shadow = self.ledger()["shadow"]
        if shadow is None or shadow["at"] >= before:
            return
        if shadow["new_texts"] or shadow["gone_texts"]:
            self._note(shadow={**shadow, "new_texts": [], "gone_texts": []})

    def _note(self, **changes: Any) -> None:
        """Write the ledger whole: a crash leaves the one before or the new one."""
        self.make()
        content = json.dumps({**self.ledger(), **changes}, indent=1).encode()
        new = self.folder / f".{_LEDGER}.new"
        descriptor = open_private(new, os.O_WRONLY | os.O_TRUNC)
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            new.replace(self.folder / _LEDGER)
        except OSError as error:
            raise StateError(f"{self.folder / _LEDGER}: cannot write: {error.strerror}") from error

    # -- the folder: written by ``train`` -----------------------------------------------------

    def make(self) -> None:
        """Make the folder, for its owner alone, if it is not there."""
        try:
            make_private(self.folder)
        except OSError as error:
            raise StateError(f"{self.folder}: cannot make it: {error.strerror}") from error

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others from training here; the lock ends with the process, however that ends."""
        try:
            descriptor = open_private(self.folder / ".lock", os.O_RDWR)
        except OSError as error:
            raise StateError(f"{self.folder}: cannot write there: {error.strerror}") from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise StateError(
                    f"{self.folder}: another training runs there; wait for its end"
                ) from error
            yield
        finally:
            os.close(descriptor)

    def tidy(self) -> None:
        """Remove artifacts beyond the newest, never one in use, and what broken-off runs left."""
        for left in (*self.folder.glob(".resume-*"), *self.folder.glob(".*.tmp")):
            rmtree(left, ignore_errors=True)
        folders = [
            path
            for path in self.folder.iterdir()
            if _NAME.fullmatch(path.name) and path.is_dir() and not path.is_symlink()
        ]
        linked = {path.readlink().name for path in self.folder.iterdir() if path.is_symlink()}
        used = {self.ledger()["accepted"], *linked}
        folders.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        for path in folders[KEPT:]:
            if path.name not in used:
                rmtree(path, ignore_errors=True)
