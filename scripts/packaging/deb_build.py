"""Builds the Debian packages ``tinylogbert`` and ``tinylogbert-training``."""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from deb_control import copyright_text, maintainer, shared_libraries, write_control
from deb_environment import ROOT, Builder, drop_unused, settle
from deb_prune import MEBIBYTE, clone, prune, size, strip, subtract

sys.path.insert(0, str(ROOT))

from tinylogbert_daemon import __version__
from tinylogbert_daemon.cli import build_parser
from tinylogbert_daemon.install import layout, plan

_COMPRESSION = {"xz": ("-Zxz",), "gzip": ("-Zgzip", "-z1")}
_OVERRIDES = Path(__file__).parent / "debian" / "lintian-overrides"


def main() -> None:
    """Build both packages, say what was taken out and how large they are."""
    parser = argparse.ArgumentParser(prog="scripts/build_deb", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("dist"), metavar="DIR")
    parser.add_argument("--revision", default="1", help="of the Debian version (default: 1)")
    parser.add_argument(
        "--compression", choices=_COMPRESSION, default="xz", help="gzip is faster, and larger"
    )
    parser.add_argument("--work", type=Path, metavar="DIR", help="leave the packages' trees there")
    parser.add_argument("--no-training", action="store_true", help="only the daemon's package")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    version = f"{__version__}-{args.revision}"
    os.umask(0o022)
    with tempfile.TemporaryDirectory(prefix="tinylogbert-deb-") as folder:
        work = Path(folder if args.work is None else args.work.absolute())
        trees = _trees(work, training=not args.no_training)
        for package, tree in trees.items():
            _add_files(package, tree, version)
            write_control(package, version, tree, shared_libraries(tree, work))
            unpacked = size(tree)
            made = _pack(package, tree, args.output, _COMPRESSION[args.compression])
            packed = made.stat().st_size
            print(f"{made}: {packed / MEBIBYTE:.0f} MiB, unpacked {unpacked / MEBIBYTE:.0f} MiB")


def _trees(work: Path, *, training: bool) -> dict[str, Path]:
    """Return the tree of each package with the environment in it."""
    builder = Builder(work)
    environment = _environment(work / layout.DAEMON)
    environment.parent.mkdir(parents=True)
    print("installing the daemon's environment", flush=True)
    builder.make(environment)
    builder.install(environment)
    trees = {layout.DAEMON: work / layout.DAEMON}
    whole = _environment(work / layout.TRAINING)
    if training:
        print("installing what training adds", flush=True)
        whole.parent.mkdir(parents=True)
        clone(environment, whole)
        builder.install(whole, "train")
        trees[layout.TRAINING] = work / layout.TRAINING
    for package, tree in trees.items():
        place = _environment(tree)
        before = size(place)
        if place == environment:
            drop_unused(place)
        unused = before - size(place)
        taken = prune(place)
        taken["unused"], taken["symbols"] = unused, strip(place)
        settle(place, layout.PREFIX)
        said = ", ".join(
            f"{rule} {count / MEBIBYTE:.1f}" for rule, count in taken.most_common() if count
        )
        print(
            f"{package}: {before / MEBIBYTE:.0f} MiB installed; taken out (MiB): {said}; with "
            f"compiled modules {size(place) / MEBIBYTE:.0f} MiB",
            flush=True,
        )
    if training:
        subtract(whole, environment)
    return trees


def _environment(tree: Path) -> Path:
    return tree / layout.PREFIX.lstrip("/")


def _add_files(package: str, tree: Path, version: str) -> None:
    """Add what is in the table, and what Debian's policy asks for in /usr/share."""
    for action in plan.stage(build_parser(), tree, package):
        action.do()
    for page in tree.glob("usr/share/man/man1/*.1"):
        _gzip(page)
    doc = tree / "usr" / "share" / "doc" / package
    doc.mkdir(parents=True)
    (doc / "copyright").write_text(copyright_text(tree, layout.PREFIX), encoding="utf-8")
    changes = doc / "changelog.Debian"
    changes.write_text(_changelog(version))
    _gzip(changes)
    if package == layout.DAEMON:
        for name in ("README.md", "CHANGELOG.md", "NOTICE"):
            if (ROOT / name).exists():
                shutil.copyfile(ROOT / name, doc / name)
        shutil.copytree(ROOT / "docs", doc / "docs")
        (doc / "changelog").write_bytes((doc / "CHANGELOG.md").read_bytes())
        (doc / "CHANGELOG.md").unlink()
        _gzip(doc / "changelog")
        examples = doc / "examples"
        examples.mkdir()
        shutil.copyfile(ROOT / str(layout.READ_ALL_LOGS.source), examples / "read-all-logs.conf")
    overrides = tree / "usr" / "share" / "lintian" / "overrides" / package
    overrides.parent.mkdir(parents=True)
    overrides.write_text(_OVERRIDES.read_text())


def _changelog(version: str) -> str:
    date = subprocess.run(
        ["git", "log", "-1", "--format=%cd", "--date=rfc2822"],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    ).stdout.strip()
    return (
        f"tinylogbert ({version}) unstable; urgency=medium\n\n"
        "  * Built from the source tree; its changes are in changelog.gz.\n\n"
        f" -- {maintainer()}  {date}\n"
    )


def _gzip(path: Path) -> None:
    """Compress a file in place, the same for the same content."""
    packed = gzip.compress(path.read_bytes(), compresslevel=9, mtime=0)
    path.with_name(f"{path.name}.gz").write_bytes(packed)
    path.unlink()


def _pack(package: str, tree: Path, output: Path, compression: tuple[str, ...]) -> Path:
    print(f"packing {package}", flush=True)
    done = subprocess.run(
        ["dpkg-deb", "--build", "--root-owner-group", *compression, tree, output],
        check=True,
        capture_output=True,
        text=True,
    )
    return Path(done.stdout.rpartition(" in '")[2].rstrip().removesuffix("'."))


if __name__ == "__main__":
    main()
