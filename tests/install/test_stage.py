"""The files of the service below a folder, as a package has them; refusals in one line."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.daemon.service import ROOT, call
from tinylogbert_daemon.cli import build_parser, main
from tinylogbert_daemon.errors import InstallError
from tinylogbert_daemon.install import layout, plan
from tinylogbert_daemon.install.commands import describe
from tinylogbert_daemon.install.completion import SHELLS
from tinylogbert_daemon.install.manpage import man

PARSER = build_parser()
WANTED = {
    "etc/logrotate.d/tinylogbert": "config/tinylogbert.logrotate",
    "etc/tinylogbert/tinylogbert.yaml": "config/tinylogbert.yaml",
    "lib/systemd/system/tinylogbert.service": "systemd/tinylogbert.service",
    "lib/systemd/system/tinylogbert-retrain.service": "systemd/tinylogbert-retrain.service",
    "lib/systemd/system/tinylogbert-retrain.timer": "systemd/tinylogbert-retrain.timer",
    "usr/lib/sysusers.d/tinylogbert.conf": "config/tinylogbert.sysusers",
}
MADE = {
    "usr/share/man/man1/tinylogbert.1": man,
    "usr/share/bash-completion/completions/tinylogbert": SHELLS["bash"],
    "usr/share/zsh/vendor-completions/_tinylogbert": SHELLS["zsh"],
    "usr/share/fish/vendor_completions.d/tinylogbert.fish": SHELLS["fish"],
}


def _tree(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


def test_a_staged_tree_is_this(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["install-service", "--root", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert _tree(tmp_path) == sorted([*WANTED, *MADE, "usr/bin/tinylogbert"])
    for path, source in WANTED.items():
        assert (tmp_path / path).read_text() == (ROOT / source).read_text()
    for path, make in MADE.items():
        assert (tmp_path / path).read_text() == make(PARSER)
    assert (tmp_path / "usr/bin/tinylogbert").readlink() == Path("/opt/tinylogbert/bin/tinylogbert")
    assert {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*.*")} <= {0o644, 0o755}
    assert len(said.splitlines()) == len(_tree(tmp_path))


def test_a_dry_run_says_the_same_and_does_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["install-service", "--root", str(tmp_path / "tree")]
    assert main([*arguments, "--dry-run"]) == 0
    would = capsys.readouterr().out
    assert not (tmp_path / "tree").exists()
    assert main(arguments) == 0
    assert capsys.readouterr().out == would


def test_the_two_packages_share_no_file_and_leave_none_out(tmp_path: Path) -> None:
    trees = {}
    for package in (layout.DAEMON, layout.TRAINING):
        for action in plan.stage(PARSER, tmp_path / package, package):
            action.do()
        trees[package] = set(_tree(tmp_path / package))
    assert not trees[layout.DAEMON] & trees[layout.TRAINING]
    assert sorted(trees[layout.DAEMON] | trees[layout.TRAINING]) == sorted(
        [*WANTED, *MADE, "usr/bin/tinylogbert"]
    )
    assert all("retrain" in path for path in trees[layout.TRAINING])


def test_every_unit_is_in_the_table() -> None:
    sources = {item.source for item in layout.TABLE}
    for path in (ROOT / "systemd").rglob("*.*"):
        if path.is_file():
            assert str(path.relative_to(ROOT)) in sources


def test_another_environment_is_named_in_the_units() -> None:
    for file in layout.files(layout.LOCAL, PARSER, "/srv/tlb", layout.TABLE):
        if file.path.suffix == ".service":
            assert b"/opt/tinylogbert" not in file.content
            assert b"=/srv/tlb/bin/tinylogbert " in file.content


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--purge"], "--purge is for --uninstall"),
        (["--root", "x", "--uninstall"], "--root puts the files of a package in place"),
        (["--root", "/proc/none"], "cannot write /proc/none/usr/lib/sysusers.d/tinylogbert.conf: "),
    ],
)
def test_wrong_options_are_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["install-service", *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"tinylogbert: {said}")
    assert error.count("\n") == 1


@pytest.mark.skipif(Path("/run/systemd/system").is_dir(), reason="systemd runs here")
def test_without_systemd_it_says_so() -> None:
    done = call("install-service", "--dry-run")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("tinylogbert: systemd does not run here")


@pytest.mark.parametrize("hidden", ["/home/x/venv", "/tmp"])
def test_a_program_that_the_service_would_not_see_is_refused(
    hidden: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tinylogbert").touch()
    if hidden != "/tmp":
        monkeypatch.setattr(plan, "_HIDDEN", (str(tmp_path),))
    elif not tmp_path.is_relative_to("/tmp"):
        pytest.skip("temporary files are elsewhere here")
    with pytest.raises(InstallError, match="the service does not see"):
        plan._program(str(tmp_path))
    with pytest.raises(InstallError, match="is not there; name the environment"):
        plan._program(str(tmp_path / "other"))


@pytest.mark.skipif(
    shutil.which("logrotate", path="/usr/sbin:/usr/bin") is None, reason="no logrotate"
)
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_logrotate_turns_the_alerts_and_keeps_them_private(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    alerts = state / "alerts.jsonl"
    alerts.write_text('{"id": 1}\n')
    alerts.chmod(0o600)
    config = tmp_path / "logrotate.conf"
    content = (ROOT / "config" / "tinylogbert.logrotate").read_text()
    # the user of the service is not there on every host: this one stands in for it
    config.write_text(
        content.replace("/var/lib/tinylogbert", str(state)).replace(
            "su tinylogbert tinylogbert", "su root root"
        )
    )
    config.chmod(0o644)
    for turn in range(3):
        subprocess.run(
            ["logrotate", "--force", "--state", tmp_path / "status", config],
            check=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )
        assert not alerts.exists()  # the daemon makes it again
        alerts.write_text(f'{{"id": {turn + 2}}}\n')
        alerts.chmod(0o600)
    assert sorted(path.name for path in state.iterdir()) == [
        "alerts.jsonl",
        "alerts.jsonl.1",
        "alerts.jsonl.2.gz",
        "alerts.jsonl.3.gz",
    ]
    assert {path.stat().st_mode & 0o777 for path in state.iterdir()} == {0o600}


def test_every_option_and_file_is_in_the_docs() -> None:
    page = (ROOT / "docs" / "install.md").read_text()
    (command,) = [one for one in describe(PARSER)[1] if one.name == "install-service"]
    for flag in command.flags:
        assert f"`{flag}" in page or flag in ("-h", "--help")
    for item in layout.TABLE:
        path = layout.path(item, layout.LOCAL)
        assert path.name in page or str(path).startswith("/usr/local/share")
