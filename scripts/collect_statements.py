#!/usr/bin/env python3
"""Collect the log statements of permissively licensed programs from their source code.

    python scripts/collect_statements.py --output statements.jsonl

The authors of a program say how bad each of its messages is, by the level they log it with: that is
what the severity head of the base model learns from. Fetches the sources of `corpus/projects.py`
with apt-get and pip (Debian or a derivative; no root needed) into a temporary folder, extracts the
calls (`corpus/calls.py`) and writes one JSON object a line: level, text (a format string), project.
"""

import argparse
import json
import random
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from corpus.calls import SUFFIXES, statements
from corpus.projects import DEBIAN, MORE_DEBIAN, MORE_PYTHON, PYTHON
from corpus.shapes import family

APT_SOURCES = ("/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources")
RELEASES = (None, "trixie", "sid")
"""Where to look for a source package: the machine's own release of Debian, then newer ones."""

NOT_THE_PROGRAM = frozenset(
    (
        *("test", "tests", "testing", "testdata", "example", "examples", "doc", "docs"),
        *("sample", "samples", "benchmark", "benchmarks"),
    )
)
# parts of a permissively licensed program that say of themselves that they are not
COPYLEFT = re.compile(r"General Public License|Mozilla Public License|\b[LA]?GPL\b|\bMPL-2")
PERMISSIVE = re.compile(r"\b(?:BSD|MIT|Apache|ISC|Redistribution and use|Permission is hereby)\b")
HEADER = 3000

MOST_OF_A_FAMILY = 4
MOST_OF_A_PROJECT = 6000


def fetch_debian(folder: Path) -> None:
    """Download the source packages, each of the first release whose archive still has it."""
    wanted = [*DEBIAN, *MORE_DEBIAN]
    for release in RELEASES:
        options = package_lists(folder / "apt" / (release or "own"), release)
        subprocess.run(["apt-get", *options, "update"], check=True, stdout=sys.stderr)
        wanted = [name for name in wanted if not fetched(folder, options, name)]
    for name in wanted:
        print(f"{name}: could not be fetched, left out", file=sys.stderr)


def package_lists(folder: Path, release: str | None) -> list[str]:
    """Return options that have apt-get use lists of our own, beside the system's, in ``folder``."""
    parts, lists = folder / "parts", folder / "lists"
    (lists / "partial").mkdir(parents=True)
    parts.mkdir()
    for number, source in enumerate(map(Path, APT_SOURCES)):
        if source.exists():
            listed = re.sub(r"(?m)^(Types: )?deb\b", r"\1deb-src", source.read_text())
            # the main archive alone: what mirrors hold of security updates differs
            stanzas = listed.split("\n\n" if source.suffix == ".sources" else "\n")
            kept = [stanza for stanza in stanzas if "security" not in stanza]
            if release:
                kept = [of_release(stanza, release) for stanza in kept[:1]]
            (parts / f"{number}{source.suffix}").write_text("\n\n".join([*kept, ""]))
    return [
        "-oDir::Etc::sourcelist=/dev/null",
        f"-oDir::Etc::sourceparts={parts}",
        f"-oDir::State::lists={lists}",
        f"-oDir::Cache={folder}",
    ]


def of_release(stanza: str, release: str) -> str:
    """Return an entry of apt's sources, of either format, for another release."""
    stanza = re.sub(r"(?m)^Suites: .*$", f"Suites: {release}", stanza)
    return re.sub(r"(?m)^(deb-src (?:\[.*?\] )?\S+) \S+", rf"\1 {release}", stanza)


def fetched(folder: Path, options: list[str], name: str) -> bool:
    """Download one source package; return whether its program (not its packaging) came."""
    argv = ["apt-get", *options, "-qq", "source", "--download-only", name]
    subprocess.run(argv, cwd=folder, check=False, stdout=sys.stderr)
    return any(folder.glob(f"{name}_*.orig*.tar.*"))


def fetch_python(folder: Path) -> None:
    """Download the packages of the Python index, without what they need."""
    argv = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
    argv += ["-d", str(folder)]
    for requirement in (*PYTHON, *MORE_PYTHON):
        if subprocess.run([*argv, requirement], check=False, stdout=sys.stderr).returncode:
            print(f"{requirement}: could not be fetched, left out", file=sys.stderr)


def sources(archive: Path) -> Iterator[str]:
    """Yield the text of each permissive source file of an archive that is part of the program."""
    return filter(_is_permissive, _files(archive))


def _files(archive: Path) -> Iterator[str]:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for name in filter(_is_wanted, wheel.namelist()):
                yield wheel.read(name).decode("utf-8", "replace")
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            file = tar.extractfile(member) if _is_wanted(member.name) else None
            if file is not None:
                yield file.read().decode("utf-8", "replace")


def _is_permissive(source: str) -> bool:
    """Return whether a file's header names no copyleft licence alone."""
    header = source[:HEADER]
    return not COPYLEFT.search(header) or bool(PERMISSIVE.search(header))


def _is_wanted(name: str) -> bool:
    path = Path(name)
    return (
        name.endswith(SUFFIXES)
        and NOT_THE_PROGRAM.isdisjoint(part.lower() for part in path.parts)
        and not path.stem.endswith(("_test", "Test"))
        and not path.stem.startswith("test_")
    )


def collect(archives: list[Path], seed: int) -> Iterator[dict[str, str]]:
    """Yield the distinct statements of each project, a few of each family, not too many of one."""
    seen: set[tuple[str, str]] = set()
    families: Counter[bytes] = Counter()
    for archive in archives:
        project = archive.name.split("-" if archive.suffix == ".whl" else "_")[0]
        found = []
        for source in sources(archive):
            for level, text in statements(source):
                kind = family(text.encode())
                if (level, text) not in seen and families[kind] < MOST_OF_A_FAMILY:
                    seen.add((level, text))
                    families[kind] += 1
                    found.append({"level": level, "text": text, "project": project})
        print(f"{project}: {len(found)} statements", file=sys.stderr)
        random.Random(f"{seed} {archive.name}").shuffle(found)
        yield from found[:MOST_OF_A_PROJECT]


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True, help="file to write (JSON lines)")
    parser.add_argument("--seed", type=int, default=1, help="of the choice in large projects")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        fetch_debian(folder)
        fetch_python(folder)
        archives = sorted([*folder.glob("*.orig*.tar.*"), *folder.glob("*.whl")])
        archives = [archive for archive in archives if archive.suffix != ".asc"]
        if not archives:
            print("collect_statements: nothing could be fetched", file=sys.stderr)
            return 1
        with args.output.open("w") as out:
            out.writelines(json.dumps(row) + "\n" for row in collect(archives, args.seed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
