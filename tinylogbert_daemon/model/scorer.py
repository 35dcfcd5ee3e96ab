"""From texts to verdicts: batches by length through the TorchScript graph."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import torch

from tinylogbert_daemon.errors import ArtifactError
from tinylogbert_daemon.escape import printable
from tinylogbert_daemon.model.artifact import Artifact
from tinylogbert_daemon.model.tokenizer import PAD, Encoding

BATCH_TOKENS = 512
"""Tokens (padding included) of one call of the graph; larger batches were no faster."""

_FRAME_TOKENS = 2  # [CLS] and [SEP]


def text_key(text: str) -> int:
    """Return the 63-bit key of a text (BLAKE2b, RFC 7693): what counts and incidents go by."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Verdict:
    """What the model says of a text; equal only to itself, so that it hashes by identity.

    ``raw`` is the mean surprise in nats per token, ``severity`` is in [0, 1], ``surprise`` (tokens
    without [CLS] and [SEP]) float32 in nats, ``embedding`` (width) float16 of unit length. ``cut``
    says that the text was longer than the model's positions.
    """

    text: str
    key: int
    raw: float
    severity: float
    surprise: npt.NDArray[np.float32]
    embedding: npt.NDArray[np.float16]
    cut: bool = False


def blank_verdict(text: str = "") -> Verdict:
    """Return the verdict of a text with nothing in it to score: no surprise, no severity."""
    nothing = np.zeros(0)
    return Verdict(
        text, text_key(text), 0.0, 0.0, nothing.astype(np.float32), nothing.astype(np.float16)
    )


class Scorer:
    """The model behind one function, :meth:`score`; not safe for several threads at once.

    ``observe`` is told how long each call took, in seconds. Raises :class:`ArtifactError` if the
    model cannot be called at all, as where the service manager forbids to compile its kernels:
    otherwise every text would be found unscorable, one by one.
    """

    def __init__(
        self,
        artifact: Artifact,
        threads: int = 1,
        observe: Callable[[float], None] = lambda _: None,
    ) -> None:
        self.artifact = artifact
        self._observe = observe
        torch.set_num_threads(threads)
        self._graph = artifact.graph()
        try:
            self._run([encoding.ids for encoding in artifact.tokenizer.encode(["error"])])
        except RuntimeError as error:  # what torch raises
            # the interpreter's trace comes first
            reason = printable((str(error).strip() or "no reason given").splitlines()[-1])
            raise ArtifactError(
                f"{artifact.folder}: the model does not run on this host: {reason}; is "
                "MemoryDenyWriteExecute set, or memory short?"
            ) from error

    def score(self, texts: Sequence[str]) -> list[Verdict]:
        """Return the verdict of each text, in order; an empty text gets :func:`blank_verdict`."""
        started = time.perf_counter()
        encodings = self.artifact.tokenizer.encode(texts)
        verdicts: list[Verdict | None] = [None] * len(texts)
        order = sorted(
            (i for i, encoding in enumerate(encodings) if len(encoding.ids) > _FRAME_TOKENS),
            key=lambda i: len(encodings[i].ids),
        )
        for batch in _batches(order, encodings):
            outputs = self._run([encodings[i].ids for i in batch])
            for row, i in enumerate(batch):
                verdicts[i] = _verdict(texts[i], encodings[i], row, outputs)
        self._observe(time.perf_counter() - started)
        return [verdict or blank_verdict(texts[i]) for i, verdict in enumerate(verdicts)]

    def _run(self, rows: list[list[int]]) -> tuple[npt.NDArray[np.float32], ...]:
        """Call the graph on rows of ids (each longer than [CLS] [SEP]); see VerdictGraph."""
        width = max(map(len, rows))
        ids = torch.full((len(rows), width), PAD, dtype=torch.int64)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
        with torch.inference_mode():
            outputs = self._graph(ids, ids != PAD)
        return tuple(output.numpy() for output in outputs)


def _batches(order: list[int], encodings: Sequence[Encoding]) -> Iterator[list[int]]:
    """Cut ``order``, sorted by length, into batches of at most ``BATCH_TOKENS`` padded tokens."""
    batch: list[int] = []
    for i in order:
        if batch and len(encodings[i].ids) * (len(batch) + 1) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _verdict(
    text: str, encoding: Encoding, row: int, outputs: tuple[npt.NDArray[np.float32], ...]
) -> Verdict:
    surprise, severity, embedding = outputs
    scored = surprise[row, 1 : len(encoding.ids) - 1].copy()
    return Verdict(
        text,
        text_key(text),
        float(scored.mean()),
        float(severity[row]),
        scored,
        embedding[row].astype(np.float16),
        encoding.cut,
    )
