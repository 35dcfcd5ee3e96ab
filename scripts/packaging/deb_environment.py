"""The virtual environments that the packages hold: made, filled, moved to where they will be."""

from __future__ import annotations

import compileall
import os
import py_compile
import re
import shutil
import subprocess
import sys
from pathlib import Path

from deb_prune import UNUSED

ROOT = Path(__file__).parents[2]
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
PACKAGES = Path("lib") / PYTHON / "site-packages"

# Isolated: what a user has set for Python or installed in a home is not the package's.
_PROGRAM = """#!{prefix}/bin/python3 -I
import sys
from tinylogbert_daemon.cli import main
sys.exit(main())
"""


class Builder:
    """Makes environments with this Python; its own pip stays outside of them."""

    def __init__(self, work: Path) -> None:
        self._pip = work / "pip"
        subprocess.run([sys.executable, "-m", "venv", self._pip], check=True)
        self._wheel = self._make_wheel(work)

    def _make_wheel(self, work: Path) -> Path:
        """Build our wheel from what git knows of: leftovers of other builds must not get in."""
        tree, wheels = work / "tree", work / "wheels"
        names = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            check=True,
            capture_output=True,
            cwd=ROOT,
        )
        for name in filter(None, names.stdout.decode().split("\0")):
            if (ROOT / name).is_file():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, tree / name)
        self._run("wheel", "--no-deps", "--wheel-dir", str(wheels), str(tree))
        (wheel,) = wheels.glob("tinylogbert-*.whl")
        return wheel

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [self._pip / "bin" / "python", "-m", "pip", *arguments],
            check=False,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        )
        if done.returncode:
            raise SystemExit(f"scripts/build_deb: pip {arguments[0]} failed; see above")
        return done.stdout

    def make(self, folder: Path) -> None:
        """Make an empty environment."""
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)

    def install(self, folder: Path, extra: str = "") -> None:
        """Install the program with an extra; what is there already stays as it is."""
        python = str(folder / "bin" / "python3")
        constraints = folder.parent / "constraints.txt"
        there = [
            line
            for line in self._run("--python", python, "freeze").splitlines()
            if not line.startswith("tinylogbert")
        ]
        constraints.write_text("\n".join([*there, ""]))
        what = f"tinylogbert[{extra}] @ {self._wheel.as_uri()}" if extra else str(self._wheel)
        options = ("--quiet", "--no-compile", "--constraint", str(constraints))
        self._run("--python", python, "install", *options, what)
        constraints.unlink()


def drop_unused(folder: Path) -> None:
    """Take out the distributions that the daemon never loads; a whole environment has them."""
    packages = folder / PACKAGES
    for info in sorted(packages.glob("*.dist-info")):
        name = re.sub(r"-[^-]*\.dist-info$", "", info.name)
        if _normal(name) not in {_normal(one) for one in UNUSED}:
            continue
        for line in (info / "RECORD").read_text().splitlines():
            path = packages / line.rsplit(",", 2)[0].strip('"')
            if path.is_file():
                path.unlink()
        shutil.rmtree(info, ignore_errors=True)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def settle(folder: Path, prefix: str) -> None:
    """Make an environment say that it is in ``prefix``, compile it, and let all read it."""
    (folder / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\n"
        f"version = {sys.version.split()[0]}\nexecutable = /usr/bin/{PYTHON}\n"
    )
    for path in (folder / "bin").iterdir():
        if path.name.lower().startswith("activate"):
            path.unlink()
    program = folder / "bin" / "tinylogbert"
    program.write_text(_PROGRAM.format(prefix=prefix))
    program.chmod(0o755)
    python = folder / "bin" / "python3"
    for name in ("python", "python3", PYTHON):
        (folder / "bin" / name).unlink(missing_ok=True)
    python.symlink_to(f"/usr/bin/{PYTHON}")
    # The files never change, so that nothing need be compared with anything at a start; and the
    # service cannot write there to compile them itself.
    done = compileall.compile_dir(
        folder / "lib",
        quiet=2,
        workers=1,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        stripdir=str(folder),
        prependdir=prefix,
    )
    if not done:
        print("some modules do not compile on this Python; they are shipped as they are")
    for path in folder.rglob("*"):
        if not path.is_symlink():
            # some wheels say of libraries and texts, too, that they can be executed
            runs = path.is_dir() or (path.parent.name == "bin" and path.stat().st_mode & 0o100)
            path.chmod(0o755 if runs else 0o644)
