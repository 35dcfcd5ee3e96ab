#!/usr/bin/env python3
"""Train the base model that ships with the package, from permissive and self-made logs only.

Reads ``pretrain/`` of the data folder ($TINYLOGBERT_DATA, else ../shared/data) and the logs that
``scripts/collect_logs.py`` made by running real software; never ``benchmark/`` or ``logs/``, whose
licence is for measuring. Writes the artifact under ``--output`` and prints what the card needs.
The base model is pinned by hash: put the new name into ``model/artifact.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from hashlib import blake2b
from pathlib import Path

import torch
from sklearn.metrics import roc_auc_score

from tinylogbert_daemon.model.artifact import load
from tinylogbert_daemon.model.scorer import Scorer
from tinylogbert_daemon.training.batches import NO_LEVEL, count_weight, trouble
from tinylogbert_daemon.training.corpus import Corpus, collect
from tinylogbert_daemon.training.export import export
from tinylogbert_daemon.training.train import Progress, TrainOptions, train

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("TINYLOGBERT_DATA", ROOT.parent / "shared" / "data")) / "pretrain"
# the share of training that each part gets, whatever its size
SHARES = {"dmesg": 0.20, "rootly": 0.12, "lnav": 0.10, "self-made": 0.58}
HELD_OUT = 40
"""One text of so many is held out, by its hash, to calibrate and to measure on."""


def held_out(text: str) -> bool:
    """Return whether ``text`` is kept from training."""
    return blake2b(text.encode(), digest_size=2).digest()[0] * HELD_OUT < 256


def gather(self_made: Path) -> tuple[Corpus, list[float], list[str]]:
    """Return the training corpus, its sampling weights, and the texts held out."""
    files = {name: [DATA / f"{name}.log.xz"] for name in SHARES if name != "self-made"}
    files["self-made"] = sorted(self_made.glob("*.log"))
    for name, paths in files.items():
        if not paths or not all(path.exists() for path in paths):
            sys.exit(f"{paths[0] if paths else self_made}: no logs of {name!r} there")
    counts: Counter[str] = Counter()
    weights: dict[str, float] = {}
    rest: dict[str, None] = {}
    records = 0
    for name, paths in files.items():
        part = collect(map(str, paths))
        records += part.records
        kept = {text: part.counts[text] for text in part.texts if not held_out(text)}
        rest |= dict.fromkeys(text for text in part.texts if held_out(text))
        total = sum(map(count_weight, kept.values()))
        for text, count in kept.items():
            counts[text] += count
            weights[text] = weights.get(text, 0) + SHARES[name] * count_weight(count) / total
        print(f"{name}: {part.records} records, {len(part.texts)} texts", file=sys.stderr)
    corpus = Corpus(dict(counts), records)
    return corpus, [weights[text] for text in corpus.texts], list(rest)


def main() -> None:
    """Train, export, measure on held-out texts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--self-made", type=Path, required=True, metavar="DIR")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "base", metavar="DIR")
    parser.add_argument("--steps", type=int, default=3200)
    parser.add_argument("--batch-size", type=int, default=48)
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    corpus, weights, rest = gather(args.self_made)
    epochs = max(1, round(args.steps * args.batch_size / len(corpus.texts)))
    options = TrainOptions(
        epochs=epochs,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        init="none",
        seed=args.seed,
    )
    started = time.monotonic()

    def report(progress: Progress) -> None:
        if progress.step % 50 == 0:
            spent = (time.monotonic() - started) / progress.step
            print(
                f"step {progress.step}/{progress.steps} loss {progress.loss:.3f} "
                f"{spent:.2f} s/step",
                file=sys.stderr,
                flush=True,
            )

    args.output.mkdir(parents=True, exist_ok=True)
    network, tokenizer, summary = train(options, corpus, args.output, report, weights)
    folder = export(
        network, tokenizer, corpus, summary, args.output, keep_counts=False, reference=rest
    )
    verdicts = Scorer(load(str(folder)), torch.get_num_threads()).score(rest)
    levels = [(trouble(verdict.text), verdict.severity) for verdict in verdicts]
    labelled = [(level >= 1, severity) for level, severity in levels if level in (0.0, 1.0)]
    card = {
        "artifact": folder.name,
        "held_out_texts": len(rest),
        "held_out_nats_per_token": round(sum(v.raw for v in verdicts) / len(verdicts), 3),
        "held_out_with_level": sum(level != NO_LEVEL for level, _ in levels),
        "held_out_severity_auc": round(float(roc_auc_score(*zip(*labelled, strict=True))), 4),
        "minutes": round((time.monotonic() - started) / 60, 1),
        **summary,
    }
    print(json.dumps(card, indent=1))


if __name__ == "__main__":
    main()
