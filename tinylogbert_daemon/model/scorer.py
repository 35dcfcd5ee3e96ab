"""From texts to verdicts: batches of one width through the TorchScript graph."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import torch

from tinylogbert_daemon.config.schema import Numbers, Precision
from tinylogbert_daemon.errors import ArtifactError
from tinylogbert_daemon.escape import printable
from tinylogbert_daemon.model.artifact import Artifact
from tinylogbert_daemon.model.memory import give_back
from tinylogbert_daemon.model.precision import fastest, same_in_any_batch, some_rows
from tinylogbert_daemon.model.tokenizer import PAD, POSITIONS, Encoding

BATCH_TOKENS = 256
"""Tokens (padding included) of one call of the graph; larger batches were slower."""

_WIDTH_STEP = 4
"""A text is padded to a multiple of so many tokens, whatever else is in its batch."""

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

    Batches are shared among ``threads``, each of which computes one alone: that is faster than to
    share each product, and a verdict does not depend on how many there are. ``observe`` is told how
    long each call took, in seconds. Raises :class:`ArtifactError` if the model cannot be called at
    all, as where the service manager forbids to compile its kernels (otherwise every text would be
    found unscorable, one by one), or not in the ``precision`` that is asked for:
    ``auto`` is bf16 where the processor computes in it itself, else int8 where torch and the model
    can, and fp32 elsewhere or if verdicts would not hold in any batch; the attribute ``precision``
    says which it has become.
    """

    def __init__(
        self,
        artifact: Artifact,
        threads: int = 1,
        observe: Callable[[float], None] = lambda _: None,
        precision: Precision = "auto",
    ) -> None:
        self.artifact = artifact
        self._observe = observe
        self._pool = ThreadPoolExecutor(threads, "scorer") if threads > 1 else None
        _compile_little()
        with _one_thread_a_product():
            try:
                self._graph, self.precision = self._loaded(precision)
                self._run([encoding.ids for encoding in artifact.tokenizer.encode(["error"])])
            except RuntimeError as error:  # what torch raises
                # the interpreter's trace comes first
                reason = printable((str(error).strip() or "no reason given").splitlines()[-1])
                raise ArtifactError(
                    f"{artifact.folder}: the model does not run on this host: {reason}; is "
                    "MemoryDenyWriteExecute set, or memory short?"
                ) from error
        self.artifact = replace(artifact, model=b"")  # the graph holds the weights
        give_back()

    def score(self, texts: Sequence[str]) -> list[Verdict]:
        """Return the verdict of each text, in order; an empty text gets :func:`blank_verdict`."""
        started = time.perf_counter()
        encodings = self.artifact.tokenizer.encode(texts)
        verdicts: list[Verdict | None] = [None] * len(texts)
        batches = list(_batches(encodings))
        rows = [[encodings[i].ids for i in batch] for batch in batches]
        with _one_thread_a_product():
            spread = map if self._pool is None else self._pool.map
            results = list(spread(self._run, rows))
        for batch, outputs in zip(batches, results, strict=True):
            for row, i in enumerate(batch):
                verdicts[i] = _verdict(texts[i], encodings[i], row, outputs)
        self._observe(time.perf_counter() - started)
        return [verdict or blank_verdict(texts[i]) for i, verdict in enumerate(verdicts)]

    def _loaded(self, precision: Precision) -> tuple[torch.jit.ScriptModule, Numbers]:
        chosen = fastest(self.artifact) if precision == "auto" else precision
        graph = self.artifact.graph(chosen)
        if chosen == "fp32" or same_in_any_batch(graph, some_rows(self.artifact.tokenizer.size)):
            return graph, chosen
        if precision == "auto":
            return self.artifact.graph(), "fp32"
        raise ArtifactError(
            f"{self.artifact.folder}: verdicts in {chosen} would depend on their batch on this "
            "host; set model.precision to auto or fp32"
        )

    def _run(self, rows: list[list[int]]) -> tuple[npt.NDArray[np.float32], ...]:
        """Call the graph on rows of ids (each longer than [CLS] [SEP]); see VerdictGraph."""
        ids = torch.full((len(rows), _width(max(rows, key=len))), PAD, dtype=torch.int64)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
        with torch.inference_mode():
            outputs = self._graph(ids, ids != PAD)
        return tuple(output.float().numpy() for output in outputs)


def _compile_little() -> None:
    """Keep torch from holding on to more compiled code than verdicts are the faster for.

    oneDNN's cache of 1,024 kernels comes to 6 MB more than one of 128, and what the executor keeps
    that profiles a graph first to as much again.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128")  # read with the first product
    torch._C._jit_set_profiling_executor(False)
    torch._C._jit_set_profiling_mode(False)


@contextmanager
def _one_thread_a_product() -> Iterator[None]:
    """Keep torch from sharing each product; its setting is the process's, others rely on it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _width(ids: Sequence[int]) -> int:
    """Return to how many tokens a text is padded: by its own length, so that it has one verdict."""
    return min(POSITIONS, -(-len(ids) // _WIDTH_STEP) * _WIDTH_STEP)


def _batches(encodings: Sequence[Encoding]) -> Iterator[list[int]]:
    """Return the places of texts that are not empty, in batches of one width, longest first.

    A batch has at most ``BATCH_TOKENS`` padded tokens, or one text.
    """
    alike: defaultdict[int, list[int]] = defaultdict(list)
    for i, encoding in enumerate(encodings):
        if len(encoding.ids) > _FRAME_TOKENS:
            alike[_width(encoding.ids)].append(i)
    for width in sorted(alike, reverse=True):
        size = max(1, BATCH_TOKENS // width)
        for start in range(0, len(alike[width]), size):
            yield alike[width][start : start + size]


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
