#!/usr/bin/env python3
"""Random histories of a log, far more than the tests take: is a line lost, or read twice?

Writes, partial lines, rotations with all they do to names and inode numbers, truncations, looks,
kills and restarts, in any order, against a model (the state machines of
``tests/source/test_model.py``, each in a process of its own). A history that breaks what is
promised is made as short as it can be and printed. Needs the extra ``test``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MACHINES = ("Undestroyed", "Impatient", "Destroyed", "Globbed", "Copied")

_STEPS = 40
_RUN = """\
import sys
from tests.source import test_model
test_model.run(getattr(test_model, sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
"""


def main() -> int:
    """Run the machines side by side; 1 if any history broke a promise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=5000, metavar="N", help="of each machine")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    args = parser.parse_args()
    if args.histories < 1:
        parser.error("--histories: at least 1")
    started = time.monotonic()
    running = {
        name: subprocess.Popen(
            [sys.executable, "-c", _RUN, name, str(args.histories), str(_STEPS)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name in MACHINES
    }
    broken = 0
    for name, process in running.items():
        said, _ = process.communicate()
        broken += process.returncode != 0
        ended = "a history breaks it" if process.returncode else f"{args.histories} histories hold"
        print(f"{name}: {ended}\n{said}", file=sys.stderr, flush=True)
    if args.json:
        seconds = round(time.monotonic() - started)
        print(json.dumps({"histories": args.histories, "broken": broken, "seconds": seconds}))
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
