"""The number type in which a model computes on this host."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from pathlib import Path

import torch

from tinylogbert_daemon.config.schema import Numbers
from tinylogbert_daemon.model.artifact import Artifact
from tinylogbert_daemon.model.products import has_int8
from tinylogbert_daemon.model.tokenizer import END, START

_PROMISE = 1e-5
"""Nats and severity by which a verdict may differ alone and among others; a tenth of DESIGN's."""


@cache
def has_bfloat16(device: str) -> bool:
    """Return whether the processor or GPU computes in bfloat16 itself: elsewhere it is slower."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    with suppress(OSError):
        return "avx512_bf16" in Path("/proc/cpuinfo").read_text()
    return False


def fastest(artifact: Artifact) -> Numbers:
    """Return the numbers in which ``artifact`` is computed fastest on this host."""
    if has_bfloat16("cpu"):
        return "bf16"
    return "int8" if artifact.manifest.ranges and has_int8() else "fp32"


def same_in_any_batch(graph: torch.jit.ScriptModule, ids: torch.Tensor) -> bool:
    """Return whether each row of ``ids`` (batch, tokens) has one verdict, alone and among others.

    In bfloat16 a sum in another order is rounded to another number, and later layers make more of
    it. Products whose order of summation does not depend on how many rows there are keep the
    promise to the last bit; whether this processor's do is found out here. False also if the graph
    does not run in its type, as one of an older version.
    """
    with torch.inference_mode():
        try:
            together = graph(ids, torch.ones_like(ids, dtype=torch.bool))
            for row in (0, len(ids) - 1):
                one = ids[row : row + 1]
                alone = graph(one, torch.ones_like(one, dtype=torch.bool))
                for expected, actual in zip(together, alone, strict=True):
                    if not torch.allclose(expected[row], actual[0], rtol=0.0, atol=_PROMISE):
                        return False
        except RuntimeError:  # what torch raises
            return False
    return True


def some_rows(vocabulary: int) -> torch.Tensor:
    """Return rows of ids (8, 32) of any words, as of texts that fill a batch."""
    words = torch.randint(END + 1, vocabulary, (8, 32), generator=torch.Generator().manual_seed(0))
    words[:, 0], words[:, -1] = START, END
    return words
