"""What of a block may be kept: its lines, sample shapes and texts without their secrets."""

from __future__ import annotations

from collections.abc import Mapping
from weakref import WeakKeyDictionary

from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.scorer import Verdict
from tinylogbert_daemon.model.verdicts import OWN
from tinylogbert_daemon.privacy import MASKED, Masker

SAMPLE_BYTES = 4096
"""A longer shape is no sample: whoever reads samples passes it over."""


class Private:
    """Masks what is kept. Looks at new shapes and at anomalies only, never at every line.

    The letters of a password survive in a shape, and so in its text: the model reads them, but no
    explanation names them, whatever ``mask_kept`` says. Only where that is true are the raw lines
    and the sample shapes masked too.
    """

    def __init__(self, masker: Masker | None = None, *, mask_kept: bool = True) -> None:
        self._masker = masker or Masker()
        self._mask_kept = mask_kept
        # of verdicts whose text holds a secret, for as long as the cache holds them
        self._texts: WeakKeyDictionary[Verdict, str] = WeakKeyDictionary()

    def samples(self, found: Mapping[bytes, Verdict]) -> dict[int, bytes]:
        """Return a sample shape for each text of new shapes; take note of those with secrets."""
        samples: dict[int, bytes] = {}
        for shape, verdict in found.items():
            if verdict is OWN:
                continue
            # what is read of a shape lies well within
            masked = self._masker.shape(shape[:SAMPLE_BYTES])
            if masked != shape[:SAMPLE_BYTES]:
                self._texts[verdict] = normalize(masked)
            if len(shape) <= SAMPLE_BYTES:
                samples[verdict.key] = masked if self._mask_kept else shape
        return samples

    def hide(self, verdict: Verdict, text: str) -> None:
        """Show ``text``, in which no secret is, for that of ``verdict``."""
        if text != verdict.text:
            self._texts[verdict] = text

    def __contains__(self, verdict: Verdict) -> bool:
        """Say whether the text of ``verdict`` holds a secret."""
        return verdict in self._texts

    def text(self, verdict: Verdict) -> str:
        """Return the text of ``verdict`` without its secrets."""
        return self._texts.get(verdict, verdict.text)

    def line(self, line: str) -> str:
        """Return ``line`` as it may be kept."""
        return self._masker.line(line) if self._mask_kept else line

    def words(
        self, verdict: Verdict, words: tuple[tuple[str, float], ...]
    ) -> tuple[tuple[str, float], ...]:
        """Return ``words`` of the text with their shares, those of secrets under one name."""
        if verdict not in self._texts:
            return words
        shown = set(self._texts[verdict].split(" "))
        shares: dict[str, float] = {}
        for word, share in words:
            name = word if word in shown else MASKED
            shares[name] = shares.get(name, 0.0) + share
        return tuple((word, round(share, 3)) for word, share in shares.items())
