"""``tinylogbert serve``: a real process with a real model, from its first line to its exit."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from tinylogbert_daemon import __version__, cli
from tinylogbert_daemon.cli.serve import load_engine
from tinylogbert_daemon.cli.setup import load_setup
from tinylogbert_daemon.config import load
from tinylogbert_daemon.metrics import Metrics

LINES = ["kernel: EXT4-fs error (device sda1)", "sshd[812]: session opened for root", ""]

# the command as its console script runs it, which then says what of training it has loaded
_PROGRAM = """
import sys
from tinylogbert_daemon.cli import main
status = main(sys.argv[1:])
print([name for name in ("transformers", "sklearn") if name in sys.modules])
sys.exit(status)
"""


@dataclass
class _Served:
    process: subprocess.Popen[str]
    port: int
    first: dict[str, Any]

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"content-type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        content = response.read().decode()
        connection.close()
        return response.status, content


@contextmanager
def _serving(artifact: Path, folder: Path) -> Iterator[_Served]:
    """Run ``serve`` on any free port until the block ends."""
    config = folder / "tinylogbert.yaml"
    config.write_text("decision:\n  threshold: 0.4\nlogging:\n  format: json\n")
    arguments = ["serve", "-c", str(config), "--port", "0", "--model", str(artifact)]
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            first = json.loads(process.stderr.readline())
            found = re.fullmatch(r"listening on http://127\.0\.0\.1:(\d+)", first["event"])
            assert found is not None, first
            yield _Served(process, int(found[1]), first)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def served(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Served]:
    """One server for the tests that only ask."""
    with _serving(model_folder, tmp_path_factory.mktemp("serve")) as running:
        yield running


def test_its_first_line_says_where_it_listens_and_with_which_model(
    served: _Served, model_folder: Path
) -> None:
    assert served.first["logger"] == "tinylogbert"
    assert served.first["model"] == model_folder.resolve().name


def test_it_answers_what_detect_prints(served: _Served, model_folder: Path) -> None:
    status, content = served.ask("POST", "/api/anomaly/batch_detect", {"log_texts": LINES})
    assert status == 200
    expected = load_setup(str(model_folder), 0.4).engine.results(LINES)
    for result, other in zip(json.loads(content)["results"], expected, strict=True):
        assert result == pytest.approx(other, abs=1e-4)
    single = json.loads(served.ask("POST", "/api/anomaly/detect", {"log_text": LINES[0]})[1])
    assert single == pytest.approx(expected[0], abs=1e-4)


def test_it_tokenizes(served: _Served, model_folder: Path) -> None:
    status, content = served.ask("POST", "/api/anomaly/tokenize", {"log_text": LINES[1]})
    assert status == 200
    assert json.loads(content) == load_setup(str(model_folder)).engine.tokenize(LINES[1])


def test_a_thousand_texts_in_several_calls_keep_their_order(served: _Served) -> None:
    texts = [f"worker {i % 7} finished job" for i in range(1000)]
    _, content = served.ask("POST", "/api/anomaly/batch_detect", {"log_texts": texts})
    results = json.loads(content)["results"]
    assert [result["log_text"] for result in results] == texts
    assert [result["line"] for result in results] == list(range(1, 1001))


def test_its_metrics_show_the_model_and_its_calls(served: _Served, model_folder: Path) -> None:
    served.ask("POST", "/api/anomaly/detect", {"log_text": "a line of its own"})
    _, content = served.ask("GET", "/metrics")
    assert f'model="{model_folder.resolve().name}"' in content
    calls = re.search(r"\ntinylogbert_inference_duration_seconds_count (\S+)\n", content)
    assert calls is not None
    assert float(calls[1]) >= 1
    assert f'version="{__version__}"' in content


def test_its_health_and_status(served: _Served, model_folder: Path) -> None:
    assert served.ask("GET", "/healthz")[0] == 200
    assert served.ask("GET", "/readyz")[0] == 200
    status = json.loads(served.ask("GET", "/api/status")[1])
    assert status["daemon"] == "running"
    assert status["model"] == model_folder.resolve().name
    assert status["uptime_seconds"] > 0
    assert status["state_dir"] is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_status_0(
    number: signal.Signals, model_folder: Path, tmp_path: Path
) -> None:
    with _serving(model_folder, tmp_path) as running:
        running.process.send_signal(number)
        out, errors = running.process.communicate(timeout=30)
    assert running.process.returncode == 0
    assert [json.loads(line)["event"] for line in errors.splitlines()] == ["stopped"]
    assert out == "[]\n"


def test_a_port_in_use_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["serve", "-c", str(config), "--port", str(port)]) == 1
    assert capsys.readouterr().err == (
        f"tinylogbert: 127.0.0.1:{port}: address in use; another program listens there; "
        "set http.port\n"
    )


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--host", "0.0.0.0", "http.host: must be a loopback address"),
        ("--port", "70000", "command line: http.port: "),
        ("--model", "/nonexistent", "/nonexistent: no such model"),
    ],
)
def test_a_wrong_option_is_one_clear_line(
    option: str, value: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("http:\n  port: 0\n")
    assert cli.main(["serve", "-c", str(config), option, value]) == 1
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert message in errors


def test_the_engine_counts_its_calls_and_names_its_model(
    model_folder: Path, tmp_path: Path
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(f"model:\n  path: {model_folder}\n")
    registry = CollectorRegistry()
    engine = load_engine(load(config, {}), Metrics(registry))
    engine.results(["a line", "a line"])
    engine.results(["a line"])  # cached: the scorer is not called
    count = registry.get_sample_value("tinylogbert_inference_duration_seconds_count")
    assert count == 1
    labels = {"model": engine.model, "type": engine.model.rpartition("-")[0]}
    assert registry.get_sample_value("tinylogbert_model_info", labels) == 1
    trained = registry.get_sample_value("tinylogbert_model_trained_timestamp_seconds")
    assert trained is not None
    assert trained > 1_600_000_000
