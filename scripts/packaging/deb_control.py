"""The control files of the packages: what dpkg reads of them."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from email.message import Message
from email.parser import Parser
from pathlib import Path

from deb_environment import PACKAGES, PYTHON, ROOT

SCRIPTS = Path(__file__).parent / "debian"
PARTS = ("preinst", "postinst", "prerm", "postrm")

_SUMMARIES = {
    "tinylogbert": (
        "log anomaly daemon with a small BERT",
        """Tails the logs of a host, gives every line a verdict, without labels, parsers
or rules, and turns the few that matter into explained alerts and Prometheus
metrics.
.
The program comes with its own Python libraries, among them PyTorch for the
CPU.""",
    ),
    "tinylogbert-training": (
        "training for the log anomaly daemon tinylogbert",
        """The libraries with which tinylogbert trains, evaluates and compares models, and
a timer that trains one every week on what the daemon has seen on this host.""",
    ),
}


def maintainer() -> str:
    """Return who is named as the maintainer, as the tools of Debian have it."""
    name = os.environ.get("DEBFULLNAME", "The TinyLogBERT authors")
    return f"{name} <{os.environ.get('DEBEMAIL', 'tinylogbert@localhost')}>"


def control(package: str, version: str, tree: Path, libraries: str) -> str:
    """Return the file ``control`` of a package whose files are in ``tree``."""
    major, minor = sys.version_info[:2]
    summary, description = _SUMMARIES[package]
    if package == "tinylogbert":
        depends = [
            f"python3 (>= {major}.{minor})",
            f"python3 (<< {major}.{minor + 1}~)",
            f"{PYTHON}",
            "systemd (>= 252)",
            libraries,
        ]
        more = "Recommends: logrotate\nSuggests: tinylogbert-training\n"
    else:
        depends, more = [f"tinylogbert (= {version})", libraries], ""
    kibibytes = sum(path.lstat().st_size for path in tree.rglob("*")) // 1024
    return (
        f"Package: {package}\nSource: tinylogbert\nVersion: {version}\n"
        f"Architecture: {_output('dpkg', '--print-architecture')}\n"
        f"Maintainer: {maintainer()}\nSection: admin\nPriority: optional\n"
        f"Installed-Size: {kibibytes}\n"
        f"Depends: {', '.join(filter(None, depends))}\n{more}"
        f"Description: {summary}\n" + _indented(description)
    )


def _indented(text: str) -> str:
    return "".join(f" {line.strip()}\n" for line in text.splitlines())


def shared_libraries(tree: Path, work: Path) -> str:
    """Return the packages of Debian whose libraries the files in ``tree`` are linked with."""
    source = work / "shlibdeps"
    (source / "debian").mkdir(parents=True, exist_ok=True)
    (source / "debian" / "control").write_text(
        "Source: tinylogbert\n\nPackage: tinylogbert\nArchitecture: any\n"
    )
    linked = sorted(path for path in tree.rglob("*.so*") if path.is_file())
    own = sorted({f"-l{path.parent}" for path in linked})
    done = subprocess.run(
        ["dpkg-shlibdeps", "-O", "--ignore-missing-info", *own, *(f"-e{path}" for path in linked)],
        check=False,
        capture_output=True,
        text=True,
        cwd=source,
    )
    found = re.search(r"^shlibs:Depends=(.*)$", done.stdout, re.MULTILINE)
    if done.returncode or found is None:
        raise SystemExit(f"scripts/build_deb: dpkg-shlibdeps: {done.stderr.strip()}")
    return found[1]


def write_control(package: str, version: str, tree: Path, libraries: str) -> None:
    """Write DEBIAN/ into ``tree``: control, conffiles, checksums and the scripts."""
    files = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    folder = tree / "DEBIAN"
    folder.mkdir()
    sums = [f"{_md5(path)}  {path.relative_to(tree)}" for path in files]
    conffiles = [f"/{path.relative_to(tree)}" for path in files if tree / "etc" in path.parents]
    (folder / "md5sums").write_text("\n".join([*sums, ""]))
    if conffiles:
        (folder / "conffiles").write_text("\n".join([*conffiles, ""]))
    for part in PARTS:
        script = SCRIPTS / f"{package}.{part}"
        if script.exists():
            (folder / part).write_bytes(script.read_bytes())
            (folder / part).chmod(0o755)
    (folder / "control").write_text(control(package, version, tree, libraries))


def _md5(path: Path) -> str:
    # dpkg's own format; it guards against accidents only
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def copyright_text(tree: Path, prefix: str) -> str:
    """Return the file ``copyright``: our licence, and that of every library in ``tree``."""
    paragraphs = [
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
        "Upstream-Name: tinylogbert\n",
        "Files: *\nCopyright: 2026 The TinyLogBERT authors\nLicense: Expat\n",
    ]
    packages = tree / prefix.lstrip("/") / PACKAGES
    for info in sorted(packages.glob("*.dist-info")):
        metadata = Parser().parsestr((info / "METADATA").read_text(encoding="utf-8"))
        name = metadata["Name"]
        if name == "tinylogbert":
            continue
        place = f"{prefix}/{PACKAGES}/{info.name}".lstrip("/")
        paragraphs.append(
            f"Files: {place.rpartition('/')[0]}/{name}*\n"
            f"Copyright: the authors of {name} {metadata['Version']}\n"
            f"License: {_short(name)}\n {_licence(metadata)}\n .\n The full text is in /{place}.\n"
        )
    own = _indented("\n".join(line or "." for line in _body((ROOT / "LICENSE").read_text())))
    paragraphs.append(f"License: Expat\n{own}")
    return "\n".join(paragraphs)


def _body(text: str) -> list[str]:
    """Return the licence below its title and the line of copyright."""
    lines = text.strip().splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("Permission"))
    return lines[start:]


def _short(name: str) -> str:
    return f"{re.sub(r'[^A-Za-z0-9.]+', '-', name)}-licence"


def _licence(metadata: Message) -> str:
    """Return the licence that a distribution names, in one line."""
    named = metadata["License-Expression"] or (metadata["License"] or "").strip().split("\n")[0]
    classes = [
        line.rpartition(" :: ")[2]
        for line in metadata.get_all("Classifier", [])
        if line.startswith("License ::")
    ]
    return str(named or ", ".join(classes) or "see the file below")


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
