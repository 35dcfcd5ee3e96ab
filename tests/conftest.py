"""What every test may ask for: log lines, a small trained model, a quiet environment."""

from __future__ import annotations

import argparse
import importlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

# no test may ask a model hub for anything, whatever the machine's network says
os.environ["HF_HUB_OFFLINE"] = "1"

RunCommand = Callable[..., int]

_TEMPLATES = (
    "Jun {d:02} 10:{d:02}:07 web1 sshd[{n}]: Accepted key for deploy from 10.0.{d}.{d} port {n}",
    "Jun {d:02} 10:{d:02}:08 web1 sshd[{n}]: Failed password for {w} from 10.9.8.{d} port {n}",
    "Jun {d:02} 10:{d:02}:09 web1 CRON[{n}]: (root) CMD (/usr/lib/{w}/run --quick {v})",
    "Jun {d:02} 10:{d:02}:10 web1 kernel: [{n}.123456] eth0: link up, 1000 Mbps, full duplex",
    '10.0.0.{d} - - [12/Jun/2026:10:00:{d:02} +0000] "GET /item/{n} HTTP/1.1" 200 {n} "-" "curl/8"',
    '10.0.0.{d} - - [12/Jun/2026:10:00:{d:02} +0000] "POST /login HTTP/1.1" 503 {n} "-" "curl/8.1"',
    "2026-06-12T10:00:{d:02}.123Z INFO  [worker-{d}] {w}: processed {n} {v} jobs in {n} ms",
    "2026-06-12T10:00:{d:02}.123Z WARN  [worker-{d}] {w}: {n} jobs waiting, slow {v} consumer",
    "2026-06-12T10:00:{d:02}.123Z ERROR [worker-{d}] {w}: cannot reach {v} at 10.1.1.{d}:5672",
    "2026-06-12T10:00:{d:02}.123Z DEBUG [worker-{d}] {w}: {v} hit for key 0x{n:08x}",
    "2026/06/12 10:00:{d:02} [error] {n}#0: *{n} {w}() failed (111: {v} refused)",
    "{n} notice: {w} complete, wrote {n} {v} to /var/lib/db/wal/{n}",
)
_WORDS = [
    "queue",
    "cache",
    "billing",
    "mailer",
    "indexer",
    "search",
    "session",
    "upload",
    "broker",
    "report",
]
_MORE_WORDS = ["reader", "writer", "consumer", "replica", "buffers", "pages", "tokens", "blocks"]


def log_lines(count: int, seed: int = 0) -> list[str]:
    """Return lines as programs write them, of a dozen forms, the same for the same arguments."""
    random = Random(seed)
    return [
        random.choice(_TEMPLATES).format(
            d=random.randrange(1, 29),
            n=random.randrange(1, 99_999),
            w=random.choice(_WORDS),
            v=random.choice(_MORE_WORDS),
        )
        for _ in range(count)
    ]


@pytest.fixture(scope="session", autouse=True)
def _one_torch_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _fresh_log() -> Iterator[None]:
    """Take the log off the stream that a test may have put it on."""
    import structlog

    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the configuration of the machine that the tests run on."""
    for name in os.environ:
        if name.startswith("TINYLOGBERT_") and name != "TINYLOGBERT_DATA":
            monkeypatch.delenv(name)
    module = importlib.import_module("tinylogbert_daemon.config.load")
    monkeypatch.setattr(module, "SYSTEM_FILE", tmp_path / "none.yaml")


@pytest.fixture(scope="session")
def log_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 300 lines."""
    path = tmp_path_factory.mktemp("logs") / "app.log"
    path.write_text("".join(f"{line}\n" for line in log_lines(300)))
    return path


@pytest.fixture(scope="session")
def model_folder(log_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifact of a very small model, really trained on ``log_file`` and exported."""
    from tinylogbert_daemon.training.corpus import collect
    from tinylogbert_daemon.training.export import export
    from tinylogbert_daemon.training.size import Size
    from tinylogbert_daemon.training.train import TrainOptions, train

    options = TrainOptions(
        epochs=8,
        batch_size=8,
        learning_rate=3e-3,
        init="none",
        size=Size(width=32, layers=2, heads=2, inner=64),
    )
    checkpoints = tmp_path_factory.mktemp("checkpoints")
    corpus = collect([str(log_file)])
    network, tokenizer, summary = train(options, corpus, checkpoints)
    return export(network, tokenizer, corpus, summary, checkpoints)


@pytest.fixture
def command() -> Iterator[RunCommand]:
    """Run a subcommand in this process: its name, then its arguments; gives its exit status."""

    def run(name: str, *arguments: str | Path) -> int:
        module = importlib.import_module(f"tinylogbert_daemon.cli.{name}")
        parser = argparse.ArgumentParser(prog=f"tinylogbert {name}")
        module.add_arguments(parser)
        status: int = module.run(parser.parse_args(list(map(str, arguments))))
        return status

    yield run
