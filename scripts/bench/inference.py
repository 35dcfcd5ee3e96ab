#!/usr/bin/env python3
"""New texts a second, tokenised and scored, beside transformers with the same weights and passes.

On distinct texts of the 13 systems, in an arbitrary order, with two threads
(CPU time is said too, for machines that are busy with other things). The peer is what one
writes with transformers at hand: batches of 32, padded to the longest, a call for each mask group
with the whole vocabulary's logits, and one for the severity; in the order in which the texts come,
and sorted by length. Hugging Face's fill-mask pipeline masks words instead of tokens, in as many
groups, and gives no severity. All run in turn, several times; ratios are of medians.
``max_score_change`` is the largest difference of raw or severity between ours and the peer, which
computes in fp32.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
sys.path.insert(0, str(Path(__file__).parent))
import tokenizers
import torch
from common import finish, parser, say
from quality_data import system, systems
from quality_detector import artifact_of
from transformers import PreTrainedTokenizerFast, pipeline
from transformers.utils import logging

from tinylogbert_daemon.cli.setup import positive
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.scorer import Scorer
from tinylogbert_daemon.model.shape import shapes
from tinylogbert_daemon.model.tokenizer import (
    CONTROL_TOKENS,
    END,
    MASK,
    PAD,
    POSITIONS,
    START,
    Tokenizer,
)
from tinylogbert_daemon.training.networks import MASK_GROUPS, Network, without_level
from tinylogbert_daemon.training.train import network_of

THREADS = 2
BATCH = 32

Scores = list[tuple[float, float]]
"""Of each text, raw (nats per token) and severity."""


def distinct_texts() -> list[str]:
    """Return the distinct texts of the 13 systems, in an order that is arbitrary but the same."""
    found: dict[str, None] = {}
    for name in systems():
        for shape in shapes(b"\n".join(system(name).records) + b"\n"):
            found.setdefault(normalize(shape))
    texts = [text for text in found if text]
    Random(0).shuffle(texts)
    return texts


@torch.no_grad()
def eager(network: Network, tokenizer: Tokenizer, texts: Sequence[str]) -> Scores:
    """Return the scores as plain transformers gives them; every text needs a token at least."""
    scores: Scores = []
    for start in range(0, len(texts), BATCH):
        rows = [encoding.ids for encoding in tokenizer.encode(texts[start : start + BATCH])]
        width = max(map(len, rows))
        ids = torch.tensor([row + [PAD] * (width - len(row)) for row in rows])
        mask = ids != PAD
        scored = mask & (ids != START) & (ids != END)
        surprise = torch.zeros(ids.shape)
        for group in range(MASK_GROUPS):
            chosen = scored & (torch.arange(width) % MASK_GROUPS == group)
            masked = ids.masked_fill(chosen, MASK)
            logits = network.masked_lm(input_ids=masked, attention_mask=mask).logits
            likely = logits.log_softmax(-1).gather(-1, ids.unsqueeze(-1)).squeeze(-1)
            surprise -= likely * chosen
        seen = without_level(ids, mask)
        _, lower = network.encode(ids, seen)
        severity = network.severity(lower, seen).sigmoid()
        raw = surprise.sum(1) / scored.sum(1)
        scores += zip(raw.tolist(), severity.tolist(), strict=True)
    return scores


def fill_mask(network: Network, tokenizer: Tokenizer) -> Callable[[Sequence[str]], Any]:
    """Return Hugging Face's fill-mask pipeline over texts, each word masked once."""
    logging.set_verbosity_error()
    control = zip(("pad", "unk", "cls", "sep", "mask"), CONTROL_TOKENS, strict=False)
    theirs = PreTrainedTokenizerFast(
        tokenizer_object=tokenizers.Tokenizer.from_str(tokenizer.to_json()),
        model_max_length=POSITIONS,
        **{f"{name}_token": token for name, token in control},
    )
    run: Any = pipeline("fill-mask", model=network.masked_lm, tokenizer=theirs, device="cpu")

    def score(texts: Sequence[str]) -> Any:
        masked = []
        for text in texts:
            words = text.split(" ")
            for group in range(min(MASK_GROUPS, len(words))):
                inside = [
                    "[MASK]" if place % MASK_GROUPS == group else word
                    for place, word in enumerate(words)
                ]
                masked.append(" ".join(inside))
        return run(masked, batch_size=BATCH, top_k=1, tokenizer_kwargs={"truncation": True})

    return score


def main() -> None:
    """Measure all in turn."""
    options = parser(__doc__)
    options.add_argument("--runs", type=positive, default=5, metavar="N")
    options.add_argument("--threads", type=positive, default=THREADS, metavar="N")
    options.add_argument("--texts", type=positive, default=512, metavar="N")
    args = options.parse_args()
    runs, wanted = (1, 48) if args.quick else (args.runs, args.texts)
    every = distinct_texts()
    texts = every[:wanted]
    model = artifact_of(args.model)
    tokenizer = model.tokenizer
    network = network_of(model).eval()
    scorer = Scorer(model, args.threads)
    theirs = fill_mask(network, tokenizer)
    lengths = [len(encoding.ids) for encoding in tokenizer.encode(texts)]
    by_length = [texts[i] for i in sorted(range(len(texts)), key=lengths.__getitem__)]
    say(
        f"{len(texts):,} of {len(every):,} distinct texts of 13 systems, "
        f"{statistics.mean(lengths):.1f} tokens each (longest {max(lengths)}), "
        f"{args.threads} threads"
    )
    ways: dict[str, Callable[[], Any]] = {
        "ours": lambda: [(found.raw, found.severity) for found in scorer.score(texts)],
        "eager": lambda: eager(network, tokenizer, texts),
        "eager_sorted": lambda: eager(network, tokenizer, by_length),
        "hf_pipeline": lambda: theirs(texts),
        "tokenize": lambda: tokenizer.encode(texts),
    }
    scorer.score(texts)  # TorchScript specialises its graph in the first calls
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    cpu: dict[str, list[float]] = {name: [] for name in ways}
    results: dict[str, Any] = {}
    for run in range(runs):
        for name, way in ways.items():
            started, used = time.perf_counter(), time.process_time()
            results[name] = way()
            seconds[name].append(time.perf_counter() - started)
            cpu[name].append(time.process_time() - used)
        rates = (f"{name} {len(texts) / spent[-1]:,.1f}" for name, spent in seconds.items())
        say(f"run {run + 1}: {', '.join(rates)} texts/s")
    median = {name: statistics.median(spent) for name, spent in seconds.items()}
    change = max(
        abs(one - other)
        for pair in zip(results["ours"], results["eager"], strict=True)
        for one, other in zip(*pair, strict=True)
    )
    ratios = {
        f"vs_{name}": round(median[name] / median["ours"], 2)
        for name in ("eager", "eager_sorted", "hf_pipeline")
    }
    found = {
        "texts_per_s": round(len(texts) / median["ours"], 1),
        **ratios,
        "max_score_change": float(f"{change:.2g}"),
    }
    ours = statistics.median(cpu["ours"])
    shares = (f"{name} {statistics.median(used) / ours:.2f}" for name, used in cpu.items())
    say(f"CPU time, {ours / len(texts) * 1e3:.2f} ms a text; against ours: {', '.join(shares)}")
    say(f"{found}; tokenising takes {median['tokenize'] / median['ours']:.1%} of it")
    finish(found)


if __name__ == "__main__":
    main()
