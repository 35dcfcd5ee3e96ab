#!/usr/bin/env python3
"""Texts a second in training, for both kinds of model, and where the time of a step goes.

Texts are the distinct ones of the 13 systems; networks start from nothing, in their full size, with
the default batch. A step draws its examples, computes the losses forward and backward, and updates
the weights. ``train`` takes bfloat16 where the processor or the GPU computes in it: ``uses`` says
which it takes here. There, or with ``--both`` (where it is emulated, and slow), fp32 and bfloat16
arithmetic are timed in turn.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import torch
from common import finish, parser, say
from inference import THREADS, distinct_texts

from tinylogbert_daemon.cli.setup import positive
from tinylogbert_daemon.model.precision import has_bfloat16
from tinylogbert_daemon.training.batches import Examples
from tinylogbert_daemon.training.networks import MODEL_TYPES, build
from tinylogbert_daemon.training.size import Size
from tinylogbert_daemon.training.train import TrainOptions, losses
from tinylogbert_daemon.training.vocabulary import train_tokenizer

PARTS = ("draw", "forward", "backward", "update")


class Step:
    """Training steps of one model, each part timed."""

    def __init__(
        self, model_type: str, texts: list[str], device: torch.device, size: Size | None = None
    ) -> None:
        tokenizer = train_tokenizer(texts)
        self._device = device
        self._network = build(model_type, tokenizer, size=size).to(device).train()
        self._examples = Examples(tokenizer, texts, [1.0] * len(texts), 0)
        self._optimizer = torch.optim.AdamW(
            self._network.parameters(), lr=TrainOptions().learning_rate, fused=True
        )
        self._number = 0
        self.loss = 0.0
        """The loss of the last step, in nats."""

    def take(self, size: int, bfloat16: bool) -> dict[str, float]:
        """Return the seconds of each part of one step of ``size`` texts."""
        self._number += 1
        made: dict[str, Any] = {}

        def draw() -> None:
            made["batch"] = self._examples.batch(self._number, size).to(self._device)

        def forward() -> None:
            with torch.autocast(self._device.type, torch.bfloat16, enabled=bfloat16):
                made["loss"] = sum(losses(self._network, made["batch"]))

        def backward() -> None:
            made["loss"].backward()

        def update() -> None:
            self._optimizer.step()
            self._optimizer.zero_grad(set_to_none=True)

        parts = (draw, forward, backward, update)
        spent = {name: self._timed(part) for name, part in zip(PARTS, parts, strict=True)}
        self.loss = float(made["loss"].detach())
        return spent

    def _timed(self, part: Callable[[], None]) -> float:
        started = time.perf_counter()
        part()
        if self._device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - started


def main() -> None:
    """Measure both models."""
    options = parser(__doc__)
    options.add_argument("--steps", type=positive, default=10, metavar="N", help="of each kind")
    options.add_argument(
        "--both", action="store_true", help="time bfloat16 where it is emulated, too"
    )
    args = options.parse_args()
    steps, size = (1, 4) if args.quick else (args.steps, TrainOptions().batch_size)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(THREADS)
    texts = distinct_texts()
    result: dict[str, Any] = {}
    for model_type in MODEL_TYPES:
        step = Step(model_type, texts, device)
        uses = has_bfloat16(device.type)
        kinds = (False, True) if uses or args.both else (False,)
        step.take(size, kinds[-1])
        taken: dict[bool, list[dict[str, float]]] = {kind: [] for kind in kinds}
        for _ in range(steps):
            for bfloat16, spent in taken.items():
                spent.append(step.take(size, bfloat16))
        seconds = {
            kind: statistics.median(sum(each.values()) for each in spent)
            for kind, spent in taken.items()
        }
        whole = sum(sum(each.values()) for each in taken[uses])
        result[model_type] = {
            "texts_per_s": round(size / seconds[uses], 2),
            "uses": "bfloat16" if uses else "fp32",
            **(
                {"bfloat16_vs_fp32": round(seconds[False] / seconds[True], 2)}
                if len(kinds) > 1
                else {}
            ),
            **{
                f"{name}_share": round(sum(each[name] for each in taken[uses]) / whole, 3)
                for name in PARTS
            },
        }
        say(f"{model_type} on {device.type}, {size} texts for each head: {result[model_type]}")
    finish(result)


if __name__ == "__main__":
    main()
