"""The packages without their libraries: what scripts/test_deb does with all takes minutes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import deb_build
import deb_control
import deb_prune
import pytest

from tinylogbert_daemon.install import layout

SCRIPTS = sorted(deb_control.SCRIPTS.glob("tinylogbert*.p*"))
PACKAGES = (layout.DAEMON, layout.TRAINING)

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg-deb")


@pytest.mark.parametrize("script", SCRIPTS, ids=[path.name for path in SCRIPTS])
def test_the_maintainer_scripts_are_sound(script: Path) -> None:
    subprocess.run(["sh", "-n", script], check=True)
    assert "\nset -e\n" in script.read_text()
    if shutil.which("shellcheck"):
        done = subprocess.run(
            ["shellcheck", "-s", "sh", script], check=False, capture_output=True, text=True
        )
        assert done.stdout == ""


def test_both_packages_have_their_scripts() -> None:
    assert [path.name for path in SCRIPTS] == sorted(
        f"{package}.{part}" for package in PACKAGES for part in ("postinst", "prerm", "postrm")
    )


@needs_dpkg
@pytest.mark.parametrize("package", PACKAGES)
def test_dpkg_makes_a_package_of_the_tree(package: str, tmp_path: Path) -> None:
    tree = tmp_path / package
    tree.mkdir(mode=0o755)
    deb_build._add_files(package, tree, "0.1.0-1")
    deb_control.write_control(package, "0.1.0-1", tree, "libc6 (>= 2.34)")
    made = deb_build._pack(package, tree, tmp_path, ("-Zgzip",))
    listed = subprocess.run(["dpkg-deb", "-c", made], check=True, capture_output=True, text=True)
    rows = [line.split() for line in listed.stdout.splitlines()]
    assert {row[1] for row in rows} == {"root/root"}
    files = {row[5].removeprefix(".") for row in rows if not row[5].endswith("/")}
    doc = f"/usr/share/doc/{package}"
    wanted = {
        str(layout.path(item, layout.PACKAGED))
        for item in layout.TABLE
        if item.wanted and item.package == package
    }
    page = "/usr/share/man/man1/tinylogbert.1"
    expected = {f"{path}.gz" if path == page else path for path in wanted}
    pages = {f"{doc}/NOTICE", f"{doc}/README.md", f"{doc}/docs/operations.md"}
    pages = pages if package == layout.DAEMON else set()
    assert expected | pages | {f"{doc}/copyright", f"{doc}/changelog.Debian.gz"} <= files

    fields = subprocess.run(["dpkg-deb", "-f", made], check=True, capture_output=True, text=True)
    assert f"Package: {package}\n" in fields.stdout
    if package == layout.TRAINING:
        assert "Depends: tinylogbert (= 0.1.0-1), libc6 (>= 2.34)\n" in fields.stdout
    conffiles = tree / "DEBIAN" / "conffiles"
    assert (conffiles.read_text().split() if conffiles.exists() else []) == sorted(
        path for path in wanted if path.startswith("/etc/")
    )
    sums = (tree / "DEBIAN" / "md5sums").read_text().splitlines()
    assert {f"/{line.partition('  ')[2]}" for line in sums} | {"/usr/bin/tinylogbert"} >= files


FILES = {
    "bin/python3": None,
    "bin/tinylogbert": None,
    "bin/hf": "scripts",
    "lib/python3.11/site-packages/torch/__init__.py": None,
    "lib/python3.11/site-packages/torch/__pycache__/__init__.cpython-311.pyc": "caches",
    "lib/python3.11/site-packages/torch/test/x": "tests",
    "lib/python3.11/site-packages/torch/testing/_internal/x.py": None,
    "lib/python3.11/site-packages/torch/bin/test_jit": "tests",
    "lib/python3.11/site-packages/torch/bin/torch_shm_manager": None,
    "lib/python3.11/site-packages/torch/bin/protoc": "build",
    "lib/python3.11/site-packages/torch/include/c10/x.h": "headers",
    "lib/python3.11/site-packages/torch/lib/libtorch_cpu.so": None,
    "lib/python3.11/site-packages/numpy/_core/lib/libnpymath.a": "build",
    "lib/python3.11/site-packages/numpy/_core/tests/test_x.py": "tests",
    "lib/python3.11/site-packages/numpy/_core/tests/_natype.py": None,
    "lib/python3.11/site-packages/yaml/x.pyi": "stubs",
    "lib/python3.11/site-packages/x-1.dist-info/licenses/test/LICENSE": None,
    "lib/python3.11/site-packages/x-1.dist-info/direct_url.json": "origin",
}


def test_what_no_daemon_loads_is_taken_out(tmp_path: Path) -> None:
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 10)
    taken = deb_prune.prune(tmp_path)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {name for name, rule in FILES.items() if rule is None}
    for rule in deb_prune.RULES:
        assert taken[rule] == 10 * sum(one == rule for one in FILES.values())
    assert not (tmp_path / "lib/python3.11/site-packages/torch/test").exists()


def test_the_second_package_holds_what_the_first_does_not(tmp_path: Path) -> None:
    part, whole = tmp_path / "part", tmp_path / "whole"
    (part / "a").mkdir(parents=True)
    (part / "a" / "x").write_text("1")
    (part / "link").symlink_to("a/x")
    deb_prune.clone(part, whole)
    (whole / "b").mkdir()
    (whole / "b" / "y").write_text("2")
    deb_prune.subtract(whole, part)
    assert [str(path.relative_to(whole)) for path in sorted(whole.rglob("*"))] == ["b", "b/y"]
    deb_prune.clone(part, tmp_path / "other")
    (tmp_path / "other" / "a" / "x").write_text("another")
    with pytest.raises(SystemExit, match="is not what it is in the other package"):
        deb_prune.subtract(tmp_path / "other", part)
