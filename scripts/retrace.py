#!/usr/bin/env python3
"""Write an artifact anew with the same weights in this version's graph: `retrace.py MODEL DIR`.

All else (tokenizer, calibration, counts) stays as it is; the name changes with the hash. Fails if
the new graph differs from eager, or scores otherwise than the old one, by more than the export's
tolerance.
"""

from __future__ import annotations

import argparse
import io
import sys
from dataclasses import replace
from pathlib import Path

import torch

from tinylogbert_daemon.model import artifact
from tinylogbert_daemon.model.scorer import Scorer
from tinylogbert_daemon.training.export import TOLERANCE, check, trace
from tinylogbert_daemon.training.train import network_of

# of several lengths, with and without a level
TEXTS = [
    "[time] [host] sshd[ [num] ]: Accepted publickey for deploy from [ip] port [num]",
    "[time] [error] cannot open [path]: No such file or directory",
    "link up",
    " ".join(f"word {chr(97 + i % 26)}" for i in range(60)),
]


def retrace(model: str, parent: Path) -> Path:
    """Return the folder of the new artifact, under ``parent``.

    Raises :class:`ArtifactError` if ``model`` cannot be loaded or its graph not exported.
    """
    old = artifact.load(model)
    network = network_of(old).eval()
    rows = [encoding.ids for encoding in old.tokenizer.encode(TEXTS)]
    buffer = io.BytesIO()
    torch.jit.save(trace(network, rows[:3]), buffer)
    new = replace(old, model=buffer.getvalue())
    details = dict(old.manifest.training)
    details["export_difference"] = float(f"{check(network, new.graph(), rows):.2g}")
    details["torch"] = torch.__version__.split("+")[0]
    both = (Scorer(one, precision="fp32").score(TEXTS) for one in (old, new))
    for before, after in zip(*both, strict=True):
        change = max(abs(before.raw - after.raw), abs(before.severity - after.severity))
        if change > TOLERANCE:
            sys.exit(f"{model}: the new graph changes a verdict by {change:.2g}; nothing written")
    return artifact.write(
        parent,
        model_type=old.manifest.model_type,
        model=new.model,
        tokenizer=old.tokenizer,
        training=details,
        calibration=old.manifest.calibration,
        counts=old.manifest.counts,
        pairs=old.manifest.pairs,
    )


def main() -> None:
    """Write it and print where."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="an artifact, or base")
    parser.add_argument("parent", type=Path, help="the folder to write it under")
    args = parser.parse_args()
    print(retrace(args.model, args.parent))


if __name__ == "__main__":
    main()
