"""What an environment holds that no daemon ever loads, as rules, and taking it out."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

MEBIBYTE = 1 << 20

# These are imported by what is installed, in spite of their names.
_KEPT = ("numpy/_core/tests/_natype.py", "numpy/_core/tests/__init__.py")
_TEST_FOLDERS = {"tests", "test"}
_HEADERS = {".h", ".hpp", ".hh", ".cuh", ".inl", ".pxd", ".pyx"}


def _is_test(path: str) -> bool:
    parts = path.split("/")
    name = parts[-1]
    if "torch/bin/" in path and (
        name.startswith(("test_", "script_module")) or "StoreTest" in name
    ):
        return True
    if "torch/lib/" in path and name in _TEST_LIBRARIES:
        return True
    return bool(_TEST_FOLDERS & set(parts[:-1])) and not path.endswith(_KEPT)


_TEST_LIBRARIES = {"libtorchbind_test.so", "libjitbackend_test.so", "libbackend_with_compiler.so"}


def _is_build(path: str) -> bool:
    """Tell what only compiles other programs: static libraries, compilers, their descriptions."""
    return (
        path.endswith((".a", ".lib", ".cmake"))
        or "/torch/bin/protoc" in path
        or "/torch/share/" in path
        or "/pkgconfig/" in path
    )


def _is_script(path: str) -> bool:
    """Tell the programs of libraries, which nobody looks for in there."""
    folder, _, name = path.rpartition("/")
    return folder == "bin" and not name.startswith("python") and name != "tinylogbert"


# In this order; the first that holds of a file takes it. Paths are relative to the environment.
RULES: dict[str, Callable[[str], bool]] = {
    "caches": lambda path: "/__pycache__/" in path,
    "tests": _is_test,
    "headers": lambda path: "/include/" in path or Path(path).suffix in _HEADERS,
    "build": _is_build,
    "stubs": lambda path: path.endswith(".pyi"),
    "scripts": _is_script,
    # where it was installed from, on the machine that built the package
    "origin": lambda path: path.endswith(".dist-info/direct_url.json"),
}

UNUSED = {
    "filelock",
    "fsspec",
    "hf-xet",
    "httpcore2",
    "httpx2",
    "huggingface_hub",
    "Jinja2",
    "MarkupSafe",
    "mpmath",
    "networkx",
    "setuptools",
    "sympy",
    "truststore",
}
"""Distributions that torch and tokenizers ask for, but that only training or compilers load."""


def prune(environment: Path) -> Counter[str]:
    """Delete what the rules name below an environment; return how many bytes by rule."""
    taken: Counter[str] = Counter()
    for path in sorted(environment.rglob("*")):
        if not path.is_file() or path.is_symlink():
            continue
        name = str(path.relative_to(environment))
        if ".dist-info/licenses/" in name:
            continue
        rule = next((rule for rule, holds in RULES.items() if holds(name)), None)
        if rule is not None:
            taken[rule] += path.stat().st_size
            path.unlink()
    remove_empty(environment)
    return taken


def strip(environment: Path) -> int:
    """Take the symbols that no loader reads from torch's libraries; return how many bytes.

    Those of other wheels are left: some were changed after linking in ways that strip damages.
    """
    before = after = 0
    for path in environment.glob("lib/python3*/site-packages/torch/lib/*.so"):
        before += path.stat().st_size
        subprocess.run(["strip", "--strip-unneeded", path], check=True)
        after += path.stat().st_size
    return before - after


def remove_empty(folder: Path) -> None:
    """Remove folders in which nothing is left."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            path.rmdir()


def size(folder: Path) -> int:
    """Return how many bytes the files below a folder hold."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


def subtract(whole: Path, part: Path) -> None:
    """Take from ``whole`` all files that ``part`` has as well; raises if one of them differs."""
    for path in sorted(part.rglob("*")):
        other = whole / path.relative_to(part)
        if path.is_dir() and not path.is_symlink():
            continue
        if path.is_symlink():
            same = other.is_symlink() and other.readlink() == path.readlink()
        else:
            same = other.is_file() and other.read_bytes() == path.read_bytes()
        if not same:
            raise SystemExit(f"scripts/build_deb: {other} is not what it is in the other package")
        other.unlink()
    remove_empty(whole)


def clone(source: Path, target: Path) -> None:
    """Copy a tree as it is."""
    shutil.copytree(source, target, symlinks=True)
