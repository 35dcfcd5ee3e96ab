#!/usr/bin/env python3
"""Coverage-guided fuzzing (atheris) of all that reads hostile text, so many seconds a target.

A target takes any bytes and asserts what holds of them: no other exception than those that are
documented, nothing dangerous in what comes out, no slowness. What breaks that is printed with the
input that did it, which stays in ``--findings``, and can be given to the target again with
``--again FILE``. Needs the extra ``fuzz`` (``pip install '.[fuzz]'``).
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

LONGEST = 4096
"""Bytes of an input, unless told: enough for what the rules look at."""

SLOW_SECONDS = 10
_DONE = re.compile(r"Done (\d+) runs in")
_COVERED = re.compile(r"cov: (\d+)")


def _parser(names: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(names)}")
    parser.add_argument(
        "--seconds", type=int, default=60, metavar="N", help="a target (default 60)"
    )
    parser.add_argument("--runs", type=int, default=-1, metavar="N", help="executions, at most")
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="kept from one run to the next")
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"), metavar="DIR")
    parser.add_argument("--again", type=Path, metavar="FILE", help="run the target on this once")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser


def _inside(name: str, arguments: list[str]) -> None:
    """Fuzz one target in this process, which ends with it."""
    import atheris  # noqa: PLC0415 - after the command line was looked at, and only here

    with atheris.instrument_imports(include=["tinylogbert_daemon"]):
        from fuzz_targets import TARGETS  # noqa: PLC0415 - instrumented as it is imported
    atheris.Setup([sys.argv[0], *arguments], TARGETS[name])
    atheris.Fuzz()


def fuzz(name: str, args: argparse.Namespace, corpus: Path) -> dict[str, int]:
    """Fuzz one target in a process of its own; return executions, coverage and findings."""
    from fuzz_targets import dictionary, seeds  # noqa: PLC0415 - not in the process that instruments it

    folder = corpus / name
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds()):
        (folder / f"seed-{number}").write_bytes(seed)
    words = corpus / "words"
    words.write_text(dictionary())
    findings = args.findings.resolve() / name
    findings.mkdir(parents=True, exist_ok=True)
    before = set(findings.iterdir())
    command = [sys.executable, __file__, name, "--inside", str(folder)]
    command += [f"-max_total_time={args.seconds}", f"-runs={args.runs}", f"-max_len={LONGEST}"]
    command += [f"-timeout={SLOW_SECONDS}", f"-artifact_prefix={findings}/", f"-dict={words}"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    found = sorted(set(findings.iterdir()) - before)
    if found or done.returncode:
        print(f"{name}: {', '.join(map(str, found))}\n{done.stdout[-3000:]}", file=sys.stderr)
    runs = _DONE.findall(done.stderr) or re.findall(r"^#(\d+)\t", done.stderr, re.MULTILINE)
    covered = _COVERED.findall(done.stderr)
    return {
        "executions": int(runs[-1]) if runs else 0,
        "coverage": int(covered[-1]) if covered else 0,
        "findings": max(len(found), int(done.returncode != 0)),
    }


def main() -> int:
    """Fuzz the targets one after the other; 1 if anything was found."""
    from fuzz_targets import TARGETS  # noqa: PLC0415

    parser = _parser(list(TARGETS))
    args = parser.parse_args()
    if wrong := sorted(set(args.targets) - set(TARGETS)):
        parser.error(f"no target {', '.join(wrong)}; there are {', '.join(TARGETS)}")
    if args.again:
        if len(args.targets) != 1:
            parser.error("--again needs one target")
        TARGETS[args.targets[0]](args.again.read_bytes())
        return 0
    try:
        import atheris  # noqa: F401, PLC0415
    except ImportError:
        parser.error("atheris is not installed: pip install '.[fuzz]'")
    results = {}
    with tempfile.TemporaryDirectory() as name:
        for target in args.targets or TARGETS:
            results[target] = fuzz(target, args, args.corpus or Path(name))
            print(f"{target}: {results[target]}", file=sys.stderr, flush=True)
    if args.json:
        print(json.dumps(results))
    return int(any(one["findings"] for one in results.values()))


if __name__ == "__main__":
    if sys.argv[2:3] == ["--inside"]:
        _inside(sys.argv[1], sys.argv[3:])
    sys.exit(main())
