"""What else reads a whole file: each of them run once over it, in seconds."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from peers import which

_BLOCK = 1 << 20
_DIGITS = bytes.maketrans(b"123456789", b"000000000")

# of the lines that go through what would take hours
DRAIN3_LINES = 50_000
PIPELINE_LINES = 48

_MTAIL_PROGRAM = """\
counter lines_total
counter errors_total
counter warnings_total
/$/ {
  lines_total++
}
/ERROR|FATAL/ {
  errors_total++
}
/WARN/ {
  warnings_total++
}
"""
_RSYSLOG_CONFIG = """
global(workDirectory="{work}")
module(load="imfile")
input(type="imfile" File="{log}" Tag="app:")
template(name="bare" type="string" string="%msg%\\n")
:msg, contains, "error" action(type="omfile" file="{work}/filtered" template="bare")
:msg, contains, "{last}" action(type="omfile" file="{work}/last" template="bare")
"""
_LAST = "the-last-line-of-this-log"


def bare_loop(path: Path, known: dict[bytes, int]) -> float:
    """Read blocks of 1 MiB, cut, translate digits, split, look up: the limit for Python."""
    started = time.perf_counter()
    rest = b""
    with path.open("rb") as stream:
        while chunk := stream.read(_BLOCK):
            chunk = rest + chunk
            cut = chunk.rfind(b"\n") + 1
            rest = chunk[cut:]
            list(map(known.get, chunk[:cut].translate(_DIGITS).split(b"\n")))
    return time.perf_counter() - started


def shapes_of(content: bytes) -> dict[bytes, int]:
    """Return a dict in which the bare loop finds every line of ``content``."""
    return dict.fromkeys(content.translate(_DIGITS).split(b"\n"), 1)


def word_count(path: Path) -> float:
    """``wc -l``: the limit for anyone."""
    started = time.perf_counter()
    subprocess.run(["wc", "-l", str(path)], check=True, capture_output=True)
    return time.perf_counter() - started


def mtail(path: Path) -> float:
    """mtail, ``--one_shot``, with a program of three rules."""
    program = path.with_name("three.mtail")
    program.write_text(_MTAIL_PROGRAM)
    command = [which("mtail") or "mtail", "--one_shot", "--progs", str(program), "--logs"]
    started = time.perf_counter()
    quiet = ["--logtostderr=false", "--log_dir", str(path.parent), "--port", "0"]
    subprocess.run([*command, str(path), *quiet], check=True, capture_output=True)
    return time.perf_counter() - started


def rsyslog(path: Path) -> float:
    """rsyslogd with imfile, until the last line has come through a filter."""
    work = path.with_name("rsyslog")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    log, config = work / "in.log", work / "rsyslog.conf"
    shutil.copyfile(path, log)
    with log.open("ab") as stream:
        stream.write(f"{_LAST}\n".encode())
    config.write_text(_RSYSLOG_CONFIG.format(work=work, log=log, last=_LAST))
    command = [which("rsyslogd") or "rsyslogd", "-n", "-f", str(config), "-i", str(work / "pid")]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            while not ((work / "last").exists() and (work / "last").stat().st_size):
                if process.poll() is not None or time.perf_counter() - started > 600:
                    raise RuntimeError("rsyslogd did not come to the end of the log")
                time.sleep(0.01)
            return time.perf_counter() - started
        finally:
            process.terminate()


def drain3(path: Path) -> float:
    """Drain3 with its default settings, on the first ``DRAIN3_LINES`` lines, extrapolated."""
    from drain3 import TemplateMiner  # noqa: PLC0415 - a peer that may not be there
    from drain3.template_miner_config import TemplateMinerConfig  # noqa: PLC0415

    lines = path.read_bytes().decode("utf-8", "replace").splitlines()
    miner, sample = TemplateMiner(config=TemplateMinerConfig()), lines[:DRAIN3_LINES]
    started = time.perf_counter()
    for line in sample:
        miner.add_log_message(line)
    return (time.perf_counter() - started) * len(lines) / len(sample)


class HuggingFace:
    """transformers' own text-classification pipeline on the same model's encoder: one pass a line.

    Raw lines, as one would who puts a model behind a pipeline; a sample, extrapolated.
    """

    def __init__(self) -> None:
        import torch  # noqa: PLC0415 - takes seconds
        from transformers import (  # noqa: PLC0415
            BertForSequenceClassification,
            PreTrainedTokenizerFast,
            TextClassificationPipeline,
        )

        from tinylogbert_daemon.model.artifact import load  # noqa: PLC0415
        from tinylogbert_daemon.training.train import network_of  # noqa: PLC0415

        artifact = load()
        encoder = network_of(artifact).masked_lm.bert
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_file=str(artifact.folder / "tokenizer.json"),
            pad_token="[PAD]",  # noqa: S106 - no secret
            model_max_length=128,
        )
        torch.set_num_threads(1)
        model = BertForSequenceClassification(encoder.config).eval()
        # the head of two classes alone is a random one: the encoder has no pooler
        model.bert.load_state_dict(encoder.state_dict(), strict=False)
        self._pipeline = TextClassificationPipeline(model=model, tokenizer=tokenizer)

    def __call__(self, path: Path) -> float:
        """Return the seconds for all lines of ``path``, by those of ``PIPELINE_LINES``."""
        lines = path.read_bytes().decode("utf-8", "replace").splitlines()
        sample = lines[:: max(1, len(lines) // PIPELINE_LINES)][:PIPELINE_LINES]
        started = time.perf_counter()
        self._pipeline(sample, batch_size=8, truncation=True)
        return (time.perf_counter() - started) * len(lines) / len(sample)


def peers() -> tuple[dict[str, Callable[[Path], float]], list[str]]:
    """Return the peers that are installed, by their names in the result, and those that are not."""
    found: dict[str, Callable[[Path], float]] = {}
    absent = []
    for name, call, program in (("mtail", mtail, "mtail"), ("rsyslog", rsyslog, "rsyslogd")):
        if which(program):
            found[name] = call
        else:
            absent.append(program)
    if importlib.util.find_spec("drain3"):
        found["drain3"] = drain3
    else:
        absent.append("drain3")
    if importlib.util.find_spec("transformers"):
        sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
        found["hf_pipeline"] = HuggingFace()
    else:
        absent.append("transformers")
    return found, absent
