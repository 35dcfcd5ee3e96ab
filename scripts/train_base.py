#!/usr/bin/env python3
"""Train the base model that ships with the package, from permissive and self-made logs only.

Reads ``pretrain/`` of the data folder ($TINYLOGBERT_DATA, else ../shared/data) and the logs that
``scripts/collect_logs.py`` made by running real software, healthy and at fault, the log statements
of permissively licensed programs (``scripts/collect_statements.py``) and statements of our own
(``scripts/corpus/statements.py``); never ``benchmark/`` or ``logs/``, whose licence is for
measuring. Some services are held out whole: the decision's weights are chosen on them. Writes the
artifact under ``--output`` and prints what the card needs. The base model is pinned by hash: put
the new name into ``model/artifact.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
from corpus.statements import of_programs, statements
from sklearn.metrics import roc_auc_score
from torch.nn.utils.rnn import pad_sequence

from tinylogbert_daemon.model.artifact import Artifact, load
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.scorer import Scorer
from tinylogbert_daemon.model.shape import shapes
from tinylogbert_daemon.model.tokenizer import PAD, Tokenizer
from tinylogbert_daemon.training.batches import NO_LEVEL, count_weight, trouble
from tinylogbert_daemon.training.corpus import Corpus, collect
from tinylogbert_daemon.training.export import export
from tinylogbert_daemon.training.networks import Network, without_level
from tinylogbert_daemon.training.train import Progress, TrainOptions, network_of, train

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("TINYLOGBERT_DATA", ROOT.parent / "shared" / "data")) / "pretrain"
# the share of training that each part gets, whatever its size
SHARES = {
    **{"dmesg": 0.07, "rootly": 0.05, "lnav": 0.04},
    **{"self-made": 0.36, "statements": 0.20, "programs": 0.28},
}
STATEMENTS = 25_000
PASS = 256
"""Texts that are looked at together where one pass will do."""
HELD_OUT = 40
"""One text of so many is held out, by its hash, to calibrate and to measure on."""
HELD_OUT_SERVICES = (
    *("dovecot", "lighttpd", "mariadb", "monit", "named", "proftpd"),
    *("rabbitmq", "samba", "slapd", "squid", "stunnel", "zookeeper"),
)
IN_A_FAULT = 0.7
"""The trouble that a text without a level means which was only seen in fault windows."""


def held_out(text: str) -> bool:
    """Return whether ``text`` is kept from training."""
    return blake2b(text.encode(), digest_size=2).digest()[0] * HELD_OUT < 256


def phases(logs: Iterable[Path]) -> dict[str, float]:
    """Return the trouble that texts mean by when they were seen: healthy, or only in faults.

    Texts that were (also) seen at other times are left out.
    """
    seen: dict[str, set[str]] = {}
    for log in logs:
        marks = log.with_suffix(".phases")
        if marks.exists():
            found = shapes(log.read_bytes())
            for shape, phase in zip(found, marks.read_text().splitlines(), strict=True):
                seen.setdefault(normalize(shape), set()).add(phase.split(":")[0])
    return {
        text: 0.0 if "healthy" in when else IN_A_FAULT
        for text, when in seen.items()
        if text and ("healthy" in when or when == {"fault"})
    }


@dataclass
class Material:
    """What is trained on: records and sampling weight of each text, its trouble; what is not."""

    counts: Counter[str] = field(default_factory=Counter)
    weights: Counter[str] = field(default_factory=Counter)
    targets: dict[str, float] = field(default_factory=dict)
    ours: frozenset[str] = frozenset()
    rest: dict[str, None] = field(default_factory=dict)
    records: int = 0

    def add(self, name: str, part: Corpus) -> None:
        """Take in the texts of a part, at its share of the training."""
        self.records += part.records
        kept = {text: part.counts[text] for text in part.texts if not held_out(text)}
        self.rest |= dict.fromkeys(text for text in part.texts if held_out(text))
        total = sum(map(count_weight, kept.values()))
        for text, count in kept.items():
            self.counts[text] += count
            self.weights[text] += SHARES[name] * count_weight(count) / total  # type: ignore[assignment]
        print(f"{name}: {part.records} records, {len(part.texts)} texts", file=sys.stderr)


def as_corpus(stated: Iterable[tuple[str, float]]) -> tuple[Corpus, dict[str, float]]:
    """Return the texts of statements, and the trouble that each means."""
    lines = list(stated)
    found = shapes("".join(f"{line}\n" for line, _ in lines).encode())
    texts = list(map(normalize, found))
    meant = {text: float(bad) for text, (_, bad) in zip(texts, lines, strict=True)}
    return Corpus(dict(Counter(texts)), len(lines)), meant


def gather(self_made: Path, programs: Path) -> Material:
    """Return all there is to train on."""
    material = Material()
    for name in ("dmesg", "rootly", "lnav"):
        path = DATA / f"{name}.log.xz"
        if not path.exists():
            sys.exit(f"{path}: not there")
        material.add(name, collect([str(path)]))
    logs = [log for log in sorted(self_made.glob("*.log")) if log.stem not in HELD_OUT_SERVICES]
    if not logs:
        sys.exit(f"{self_made}: no logs there; make them with scripts/collect_logs.py")
    material.add("self-made", collect(map(str, logs)))
    own, meant = as_corpus(statements(STATEMENTS, seed=0))
    material.add("statements", own)
    material.ours = frozenset(meant)
    theirs, levels = as_corpus(of_programs(programs, seed=0))
    material.add("programs", theirs)
    for text, target in {**levels, **phases(logs), **meant}.items():
        if trouble(text) == NO_LEVEL:
            material.targets[text] = target
    return material


@torch.no_grad()
def severities(model: str, texts: list[str]) -> dict[str, float]:
    """Return the severity of each text by an artifact: one pass, where a verdict takes five."""
    start = load(model)
    network = network_of(start).eval()
    found: dict[str, float] = {}
    rows = sorted(
        zip(start.tokenizer.encode(texts), texts, strict=True), key=lambda r: len(r[0].ids)
    )
    for begin in range(0, len(rows), PASS):
        part = rows[begin : begin + PASS]
        ids = pad_sequence([torch.tensor(row.ids) for row, _ in part], True, PAD)
        seen = without_level(ids, ids != PAD)
        odds = network.severity(network.lower(ids, seen), seen)
        found |= zip((text for _, text in part), odds.sigmoid().tolist(), strict=True)
    return found


def mixed(network: Network, other: Artifact, share: float) -> Network:
    """Return ``network`` with the mean of its weights and an artifact's, which has ``share``.

    Both must have been trained on from the same weights (WiSE-FT; Wortsman et al., 2022).
    """
    theirs = network_of(other).state_dict()
    network.load_state_dict(
        {
            name: torch.lerp(value, theirs[name], share) if value.is_floating_point() else value
            for name, value in network.state_dict().items()
        }
    )
    return network


def measure(model: Path, rest: list[str], self_made: Path) -> dict[str, Any]:
    """Return how the model does on texts and on services that were held out."""
    scorer = Scorer(load(str(model)), torch.get_num_threads())
    verdicts = scorer.score(rest)
    logs = [self_made / f"{name}.log" for name in HELD_OUT_SERVICES]
    logs = [log for log in logs if log.exists()]
    texts = collect(map(str, logs)).texts
    levels = {text: trouble(text) for text in texts}
    by_level = {text: level for text, level in levels.items() if level == 0.0 or level >= 0.9}
    by_phase = {text: value for text, value in phases(logs).items() if levels[text] == NO_LEVEL}
    return {
        "held_out_texts": len(rest),
        "held_out_nats_per_token": round(sum(v.raw for v in verdicts) / len(verdicts), 3),
        "held_out_services": [log.stem for log in logs],
        "services_severity_auc": _auc(scorer, by_level),
        "services_fault_auc": _auc(scorer, by_phase),
    }


def _auc(scorer: Scorer, troubled: dict[str, float]) -> list[float]:
    """Return the ROC-AUC of severity, the texts, and those of trouble among them."""
    severity = [verdict.severity for verdict in scorer.score(list(troubled))]
    truth = [value > 0.5 for value in troubled.values()]
    return [round(float(roc_auc_score(truth, severity)), 4), len(truth), sum(truth)]


def arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--self-made", type=Path, required=True, metavar="DIR")
    parser.add_argument("--statements", type=Path, required=True, metavar="FILE")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "base", metavar="DIR")
    parser.add_argument(
        "--steps", type=int, default=3600, help="0: none, --init as it is (default: %(default)s)"
    )
    parser.add_argument("--batch-size", type=int, default=48)
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--max-minutes", type=float, metavar="N", help="end in good order then")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--init", default="none", metavar="DIR", help="an artifact to train on")
    parser.add_argument(
        "--keep",
        action="store_true",
        help="teach of all but our own statements what --init says of them already",
    )
    parser.add_argument(
        "--mix", metavar="DIR", help="in the end, take the mean of the weights and this artifact's"
    )
    parser.add_argument(
        "--mix-share", type=float, default=0.5, metavar="S", help="its share of it (default: 0.5)"
    )
    args = parser.parse_args()
    if args.init == "none" and (args.keep or not args.steps):
        sys.exit("--keep and --steps 0: they need --init DIR")
    return args


def fit(
    args: argparse.Namespace, material: Material, corpus: Corpus
) -> tuple[Network, Tokenizer, dict[str, Any]]:
    """Return the network as trained, or as it is without steps, its tokenizer and a summary."""
    if not args.steps:
        start = load(args.init)
        return network_of(start).eval(), start.tokenizer, dict(start.manifest.training)
    texts = corpus.texts
    options = TrainOptions(
        epochs=max(1, round(args.steps * args.batch_size / len(texts))),
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        init=args.init,
        seed=args.seed,
        whole=args.init != "none",
    )
    targets = {text: material.targets.get(text, trouble(text)) for text in texts}
    if args.keep:
        # as in learning without forgetting (Li and Hoiem, 2016)
        targets |= severities(args.init, [text for text in texts if text not in material.ours])
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

    return train(
        options,
        corpus,
        args.output,
        report,
        weights=[material.weights[text] for text in texts],
        targets=[targets[text] for text in texts],
        max_seconds=args.max_minutes and args.max_minutes * 60,
    )


def main() -> None:
    """Train, export, measure on what was held out."""
    args = arguments()
    other = load(args.mix) if args.mix else None
    material = gather(args.self_made, args.statements)
    corpus = Corpus(dict(material.counts), material.records)
    args.output.mkdir(parents=True, exist_ok=True)
    network, tokenizer, summary = fit(args, material, corpus)
    if other is not None:
        network = mixed(network, other, args.mix_share)
        summary["mix"] = [other.name, args.mix_share]
    healthy = phases(args.self_made / f"{name}.log" for name in HELD_OUT_SERVICES)
    folder = export(
        network,
        tokenizer,
        corpus,
        {**summary, "held_out_services": list(HELD_OUT_SERVICES)},
        args.output,
        keep_counts=False,
        # what is harmless on hosts that the model has not seen
        reference=[*material.rest, *(text for text, value in healthy.items() if value == 0.0)],
    )
    found = measure(folder, list(material.rest), args.self_made)
    print(json.dumps({"artifact": folder.name, **found, **summary}, indent=1))


if __name__ == "__main__":
    main()
