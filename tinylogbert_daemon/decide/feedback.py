"""Feedback of people on texts: which are normal or muted, and which are a real problem."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from tinylogbert_daemon.decide.incident import Muted

if TYPE_CHECKING:
    from tinylogbert_daemon.model.scorer import Verdict

Kind = Literal["normal", "mute", "real"]
"""``normal`` mutes until it is undone, ``mute`` for a time; ``real`` is never damped."""

NEAR = 0.9
"""The least cosine of two embeddings of near texts, unless another one is given.

With the base model, the same event in other words reaches 0.91 to 0.97, another event of the same
program mostly less than 0.85.
"""

_MATCHES = 50_000

Embedding = npt.NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Feedback:
    """What somebody said of a text. Times are in seconds since the epoch, by the host's clock.

    ``sample`` is a raw line of the text, its secrets masked; ``near`` the least cosine at which
    other texts are meant too, None for this text alone; ``expires`` None for never. Undone
    feedback is kept for the trail.
    """

    number: int
    kind: Kind
    key: int
    text: str
    sample: str
    near: float | None
    created: float
    expires: float | None
    author: str
    note: str
    undone: float | None = None
    undone_by: str = ""

    def active(self, now: float) -> bool:
        """Return whether it holds at ``now``."""
        return self.undone is None and (self.expires is None or now < self.expires)

    @property
    def muted(self) -> Muted:
        """What an incident that it mutes says of it."""
        return Muted(self.number, self.kind, self.author, self.expires)


class FeedbackBook:
    """The feedback that holds, found by text and by embedding; one model's verdicts only.

    What was said of the very text goes before what was said of a near one, later before earlier.
    ``now`` is the host's clock. Changed by one thread, others may look things up meanwhile.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._held = _Held({}, {})
        self.version = 0
        """Rises whenever what holds has changed."""

    def __len__(self) -> int:
        return len(self._held.entries)

    def replace(self, entries: Iterable[Feedback], embeddings: Mapping[str, Embedding]) -> None:
        """Let only ``entries`` hold; those that mean near texts need the embedding of theirs."""
        self._hold(self._joined(_Held({}, {}), entries, embeddings))

    def put(self, entries: Iterable[Feedback], embeddings: Mapping[str, Embedding]) -> None:
        """Let ``entries`` hold as well."""
        self._hold(self._joined(self._held, entries, embeddings))

    def drop(self, *numbers: int) -> None:
        """Let entries hold no longer."""
        held = self._held
        self._hold(
            _Held(
                {number: one for number, one in held.entries.items() if number not in numbers},
                {number: one for number, one in held.embeddings.items() if number not in numbers},
            )
        )

    def _hold(self, held: _Held) -> None:
        self._held = held
        self.version += 1

    def muting(self, verdict: Verdict) -> Muted | None:
        """Return what mutes the text of ``verdict``, if anything does."""
        found = self.of(verdict)
        return None if found is None or found.kind == "real" else found.muted

    def is_real(self, verdict: Verdict) -> bool:
        """Return whether the text of ``verdict`` is marked as a real problem."""
        found = self.of(verdict)
        return found is not None and found.kind == "real"

    def of(self, verdict: Verdict) -> Feedback | None:
        """Return what holds of the text of ``verdict``."""
        held = self._held
        if not held.entries:
            return None
        now = self._now()
        if now >= held.until:
            over = [number for number, one in held.entries.items() if not one.active(now)]
            self.drop(*over)
            held = self._held
        return held.of(verdict)

    def _joined(
        self, held: _Held, entries: Iterable[Feedback], embeddings: Mapping[str, Embedding]
    ) -> _Held:
        now = self._now()
        new = {one.number: one for one in entries if one.active(now)}
        near = {
            number: embeddings[one.text].astype(np.float32)
            for number, one in new.items()
            if one.near is not None and one.text in embeddings
        }
        return _Held({**held.entries, **new}, {**held.embeddings, **near})


class _Held:
    """Entries and embeddings by number, of which none is changed; remembers what it has found."""

    def __init__(
        self, entries: dict[int, Feedback], embeddings: dict[int, npt.NDArray[np.float32]]
    ) -> None:
        self.entries = entries
        self.embeddings = embeddings
        ends = [one.expires for one in entries.values() if one.expires is not None]
        self.until = min(ends, default=math.inf)  # when the first of them expires
        # the latest of each text
        self._exact = {one.key: one for _, one in sorted(entries.items())}
        self._near = [entries[number] for number in embeddings]
        self._matrix = np.stack([*embeddings.values()]) if embeddings else None
        self._found: dict[int, Feedback | None] = {}

    def of(self, verdict: Verdict) -> Feedback | None:
        """Return what holds of the text of ``verdict``."""
        exact = self._exact.get(verdict.key)
        if exact is not None or self._matrix is None:
            return exact
        key = verdict.key
        if key in self._found:
            return self._found[key]
        if len(self._found) >= _MATCHES:
            return self._match(verdict)
        found = self._found[key] = self._match(verdict)
        return found

    def _match(self, verdict: Verdict) -> Feedback | None:
        if self._matrix is None or self._matrix.shape[1] != verdict.embedding.size:
            return None
        cosines = (self._matrix @ verdict.embedding.astype(np.float32)).tolist()
        close = [
            one
            for one, cosine in zip(self._near, cosines, strict=True)
            if one.near is not None and cosine >= one.near
        ]
        return max(close, key=lambda one: one.number, default=None)
