"""Standard input as a source: read to its end, every line once, its writer kept waiting."""

from __future__ import annotations

import gzip
import signal
import subprocess
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import log_lines
from tests.daemon.service import Service, call, until

_LINES = 100_000


def test_a_pipe_of_100000_lines_is_read_to_its_end(service: Service) -> None:
    content = "".join(f"{text}\n" for text in log_lines(_LINES, seed=3)).encode()
    service.start("-", stdin=subprocess.PIPE)
    assert service.process is not None
    assert service.process.stdin is not None
    service.process.stdin.write(content)
    service.process.stdin.flush()
    until(lambda: service.committed().get("stdin") == _LINES, "all lines")
    metrics = {
        sample.name: sample.value
        for family in text_string_to_metric_families(service.get("/metrics"))
        for sample in family.samples
        if sample.labels.get("path") == "stdin" and sample.name.endswith("_total")
    }
    assert metrics == {
        "tinylogbert_read_lines_total": _LINES,
        "tinylogbert_read_bytes_total": len(content),
    }
    # no end of a line, but that of the input
    service.process.stdin.write(b"the last one")
    service.process.stdin.close()
    assert service.process.wait(40) == 0
    assert service.event("end of standard input")
    status = service.status()
    assert status["files"] == {"stdin": _LINES + 1}
    assert status["sources"]["command-line"]["records"] == _LINES + 1


def test_a_file_and_nothing_at_all_as_standard_input(service: Service, tmp_path: Path) -> None:
    log = tmp_path / "old.log"
    log.write_text("".join(f"{text}\n" for text in log_lines(3000)))
    service.configure(sources=[{"name": "piped", "paths": ["-"]}])
    for count in (3000, 6000):  # nothing is remembered of the first time
        with log.open() as stdin:
            done = call("run", "-c", service.config_file, stdin=stdin)
        assert (done.returncode, done.stdout) == (0, "")
        assert service.status()["files"] == {"stdin": count}
    done = call("run", "-c", service.config_file, stdin=subprocess.DEVNULL)
    assert done.returncode == 0
    assert service.status()["sources"]["piped"]["records"] == 6000


def test_its_end_is_not_that_of_a_daemon_with_other_sources(service: Service) -> None:
    service.configure(sources=[*service.config["sources"], {"name": "piped", "paths": ["-"]}])
    service.start(stdin=subprocess.DEVNULL)
    until(lambda: service.event("end of standard input"), "the end")
    path = str(service.write("app.log", "a line"))
    until(lambda: service.committed().get(path) == 1, "the line")
    assert service.stop() == 0


def test_a_reload_and_a_stop_while_it_is_being_written(service: Service) -> None:
    service.configure(sources=[{"name": "piped", "paths": ["-"]}])
    service.start(stdin=subprocess.PIPE)
    assert service.process is not None
    assert service.process.stdin is not None
    stdin, written = service.process.stdin, 0
    for reload in range(1, 4):
        for _ in range(50):
            # each write ends within a line
            stdin.write("".join(f" {n}\n{'x' * (n % 90)}" for n in range(100)).encode())
            stdin.flush()
            written += 100
        service.send(signal.SIGHUP)
        _running(service, 1 + reload)
    stdin.write(b"\n")
    stdin.flush()
    written += 1
    until(lambda: service.committed().get("stdin", 0) >= written, "all lines")
    assert service.stop() == 0
    assert service.status()["files"] == {"stdin": written}


def _running(service: Service, times: int) -> None:
    until(lambda: len(service.events("running")) == times, f"running for the {times}. time")


def test_what_is_no_log_is_refused_in_one_line(service: Service, tmp_path: Path) -> None:
    packed = tmp_path / "old.gz"
    packed.write_bytes(gzip.compress(b"a line\n" * 100))
    with packed.open() as stdin:
        done = call("run", "-c", service.config_file, "-", stdin=stdin)
    said = done.stderr.splitlines()
    assert done.returncode == 1
    assert said[-1] == "tinylogbert: standard input: compressed (gzip): unpack it first"
    assert "Traceback" not in done.stderr
    done = call("run", "-c", service.config_file, "-", "/var/log/syslog")
    assert (done.returncode, done.stderr) == (
        1,
        "tinylogbert: -: standard input cannot be read beside files; name it alone\n",
    )
