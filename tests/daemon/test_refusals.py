"""What a user can get wrong: one clear line each, the right exit status, no traceback."""

from __future__ import annotations

import json
import os
import resource
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.daemon.service import ROOT, Service, call, until
from tinylogbert_daemon import cli, logs
from tinylogbert_daemon.daemon import Daemon
from tinylogbert_daemon.errors import StateError


def _refused(*arguments: str | Path, status: int = 1, **options: object) -> str:
    """Run the command, which must fail at once; return the one line that it says why."""
    done = call(*arguments, **options)
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


def test_paths_that_are_no_logs(service: Service, tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\x7fELF\0\0\0\0" * 1000)
    packed = tmp_path / "old.log.gz"
    packed.write_bytes(b"\x1f\x8b\x08")
    wanted = {
        tmp_path / "none": "no such file",
        tmp_path / "none[0-9]": "no such file",
        service.logs: "directory",
        binary: "binary (NUL bytes)",
        packed: "compressed (.gz)",
    }
    good = service.write("good.log", "1")
    for path, reason in wanted.items():
        assert _refused("run", "-c", service.config_file, good, path) == (
            f"tinylogbert: {path}: {reason}; name a log file that can be read"
        )


def test_a_wrong_configuration(service: Service, tmp_path: Path) -> None:
    service.configure(decision={"threshold": 7})
    assert _refused("run", "-c", service.config_file) == (
        f"tinylogbert: {service.config_file}:1: decision.threshold: must be at most 1.0"
    )
    assert _refused("check", "-c", service.config_file).endswith("must be at most 1.0")
    assert _refused("run", "-c", tmp_path / "none") == (
        f"tinylogbert: {tmp_path}/none: cannot read the configuration: No such file or directory"
    )


def test_wrong_usage_is_status_2() -> None:
    for arguments in (["run", "--frobnicate"], ["frobnicate"], ["run", "--for", "long"], []):
        done = call(*arguments)
        assert done.returncode == 2
        assert "usage: tinylogbert" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_wrong_model_folder(service: Service, tmp_path: Path) -> None:
    line = _refused("run", "-c", service.config_file, "--model", tmp_path / "none")
    assert line == (
        f"tinylogbert: {tmp_path}/none: no such model; name an artifact folder or its model.pt"
    )
    assert "not a model folder" in _refused("check", "-c", _with_model(service, tmp_path))


def _with_model(service: Service, folder: Path) -> Path:
    service.configure(model={"path": str(folder)})
    return service.config_file


def test_a_port_in_use(service: Service) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        service.configure(http={"port": port})
        assert _refused("run", "-c", service.config_file) == (
            f"tinylogbert: 127.0.0.1:{port}: address in use; another program listens there; "
            "set http.port"
        )


def test_a_state_directory_that_is_a_file(service: Service) -> None:
    service.state.write_text("x")
    line = _refused("run", "-c", service.config_file)
    assert line == f"tinylogbert: {service.state}/state.db: cannot use the state: File exists"
    line = _refused_after_output("check", "-c", service.config_file)
    assert line.startswith(f"tinylogbert: {service.state}: cannot write the state there")


def _refused_after_output(*arguments: str | Path, **options: object) -> str:
    done = call(*arguments, **options)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become someone else")
def test_check_says_that_the_state_directory_may_not_be_written(model_folder: Path) -> None:
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        closed = Path(directory) / "closed"
        closed.mkdir(mode=0o700)
        program = (
            # imported before: the interpreter's own files may be closed to whoever we become
            "import locale, os, sys; from tinylogbert_daemon import cli\n"
            "from tinylogbert_daemon.cli import check; import tinylogbert_daemon.config\n"
            "import tinylogbert_daemon.source.discover, tinylogbert_daemon.source.journal\n"
            "import tinylogbert_daemon.sinks.build\n"
            "from tinylogbert_daemon.model import artifact\n"
            "loaded = artifact.load(sys.argv[1]); artifact.load = lambda *_: loaded\n"
            "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
            "sys.exit(cli.main(['check']))"
        )
        for state in (closed, closed / "below" / "it", Path(directory) / "new"):
            done = subprocess.run(
                [sys.executable, "-c", program, str(model_folder)],
                capture_output=True,
                text=True,
                env={**os.environ, "TINYLOGBERT_STATE_DIR": str(state), "PYTHONPATH": str(ROOT)},
                check=False,
            )
            assert done.returncode == 1, done.stderr
            (line,) = done.stderr.splitlines()
            assert "cannot write the state there; set state_dir, or run as its owner" in line


def test_empty_files_and_names_like_patterns_are_fine(service: Service, tmp_path: Path) -> None:
    empty = tmp_path / "empty[1].log"
    empty.touch()
    service.start(empty, "--for", "30")
    with empty.open("a") as file:
        file.write("a line\n")
    until(lambda: service.committed() == {str(empty): 1}, "the line")
    assert service.stop() == 0
    status = service.status()
    assert status["sources"]["command-line"]["records"] == 1
    mode = stat.S_IMODE((service.state / "state.db").stat().st_mode)
    assert mode == 0o600


def test_check_says_what_would_be_tailed(service: Service) -> None:
    service.write("a.log", "1")
    (service.logs / "b.log").mkdir()
    done = call("check", "-c", service.config_file)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == [
        f"state: {service.state}",
        "source app: 1 files",
        f"  {service.logs}/a.log",
        f"  not followed: {service.logs}/b.log: directory",
        f"sink jsonl: {service.state}/alerts.jsonl",
        "sink log: the daemon's log",
    ]


def test_check_says_how_a_source_is_read(service: Service) -> None:
    rule = {"preset": "java", "start_pattern": "^\\[\\d"}
    source = {"name": "app", "paths": [f"{service.logs}/*.log"], "encoding": "latin-1"}
    service.configure(sources=[{**source, "multiline": rule}])
    done = call("check", "-c", service.config_file)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[2:-2] == [
        "source app: 0 files",
        "  encoding: latin-1",
        "  joined to the line before: preset java, but none that matches ^\\[\\d",
    ]


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    program = (
        "import sys, json\n"
        "from tinylogbert_daemon.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = 'torch numpy transformers sklearn tokenizers fastapi uvicorn yaml pydantic'\n"
        "print(json.dumps([name for name in heavy.split() if name in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert json.loads(done.stdout.splitlines()[-1]) == []
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    assert call("--help").returncode == 0
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 0.3


def test_an_error_out_of_a_group_of_tasks_is_one_line_too(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def breaks(_: Daemon) -> None:
        raise failure

    monkeypatch.setattr(Daemon, "run", breaks)
    monkeypatch.setattr(logs, "configure", lambda *_: None)
    failure: Exception = ExceptionGroup(
        "a", [ExceptionGroup("b", [StateError("the disk is gone")])]
    )
    assert cli.main(["run", "-c", str(service.config_file)]) == 1
    assert capsys.readouterr().err == "tinylogbert: the disk is gone\n"
    # a mistake of ours beside it is not swept under the carpet
    failure = ExceptionGroup(
        "a", [ExceptionGroup("b", [StateError("the disk is gone")]), ZeroDivisionError()]
    )
    with pytest.raises(ExceptionGroup):
        cli.main(["run", "-c", str(service.config_file)])
