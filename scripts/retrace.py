#!/usr/bin/env python3
"""Write an artifact anew with the same weights in this version's graph: `retrace.py MODEL DIR`.

All else (tokenizer, calibration, counts) stays as it is; the name changes with the hash. Fails if
the new graph differs from eager, or scores otherwise than the old one, by more than the export's
tolerance. The ranges that int8 needs are taken from the texts of logs, if any are named: the base
model's from those it was trained on (licences!), which are its `pretrain` part.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from tinylogbert_daemon.model import artifact
from tinylogbert_daemon.model.scorer import Scorer
from tinylogbert_daemon.training.corpus import collect
from tinylogbert_daemon.training.export import TOLERANCE, check, saved, trace, with_ranges
from tinylogbert_daemon.training.train import network_of

SAMPLE = 500
# of several lengths, with and without a level
TEXTS = [
    "[time] [host] sshd[ [num] ]: Accepted publickey for deploy from [ip] port [num]",
    "[time] [error] cannot open [path]: No such file or directory",
    "link up",
    " ".join(f"word {chr(97 + i % 26)}" for i in range(60)),
]


def retrace(model: str, parent: Path, logs: Sequence[str] = ()) -> Path:
    """Return the folder of the new artifact, under ``parent``.

    Raises :class:`ArtifactError` if ``model`` cannot be loaded or its graph not exported.
    """
    old = artifact.load(model)
    network = network_of(old).eval()
    rows = [encoding.ids for encoding in old.tokenizer.encode(TEXTS)]
    details = dict(old.manifest.training)
    manifest = replace(old.manifest, training=details, ranges={})
    new = replace(old, model=saved(trace(network, rows[:3])), manifest=manifest)
    details["export_difference"] = float(f"{check(network, new.graph(), rows):.2g}")
    details["torch"] = torch.__version__.split("+")[0]
    both = (Scorer(one, precision="fp32").score(TEXTS) for one in (old, new))
    for before, after in zip(*both, strict=True):
        change = max(abs(before.raw - after.raw), abs(before.severity - after.severity))
        if change > TOLERANCE:
            sys.exit(f"{model}: the new graph changes a verdict by {change:.2g}; nothing written")
    new = with_ranges(new, sample(logs) or TEXTS)
    return artifact.write(
        parent,
        model_type=old.manifest.model_type,
        model=new.model,
        tokenizer=old.tokenizer,
        training=details,
        calibration=old.manifest.calibration,
        counts=old.manifest.counts,
        pairs=old.manifest.pairs,
        ranges=new.manifest.ranges,
    )


def sample(logs: Sequence[str]) -> list[str]:
    """Return some texts of each log; raises :class:`DataError` if one cannot be read."""
    found = [text for log in logs for text in collect([log]).texts if text]
    return found[:: max(1, len(found) // SAMPLE)]


def main() -> None:
    """Write it and print where."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="an artifact, or base")
    parser.add_argument("parent", type=Path, help="the folder to write it under")
    parser.add_argument("logs", nargs="*", help="logs like those that it was trained on")
    args = parser.parse_args()
    print(retrace(args.model, args.parent, args.logs))


if __name__ == "__main__":
    main()
