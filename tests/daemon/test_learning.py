"""Learning on the host: train on the state, compare, swap in or refuse, and stay so."""

from __future__ import annotations

import json
import random
import time
import urllib.request
from pathlib import Path
from signal import SIGTERM
from typing import Any

import pytest
import torch
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import log_lines
from tests.daemon.service import Service, call, until
from tinylogbert_daemon.state.models import Models
from tinylogbert_daemon.training.export import export
from tinylogbert_daemon.training.host import collect_state
from tinylogbert_daemon.training.train import TrainOptions, prepare

LINES = 400


@pytest.fixture
def learning(service: Service) -> Service:
    """A service that takes new models, running, with some hundred lines read."""
    service.configure(
        learning={"swap": "always", "retrain": "never"}, decision={"learning_hours": 1000}
    )
    service.start()
    service.write("app.log", *log_lines(LINES))
    until(lambda: sum(service.committed().values()) == LINES, "all lines")
    return service


def _train(service: Service, *arguments: str) -> str:
    """Train on the state of a running daemon; return the new model's name."""
    done = call(
        "train", "--state", service.state, "--init", service.config["model"]["path"],
        "--epochs", "1", "--learning-rate", "1e-5", *arguments,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip()).name


def _export(service: Service, severity: float | None = None) -> str:
    """Leave a model for the daemon: its own under a new name, or one whose severity is constant."""
    corpus = collect_state(service.state)
    network, tokenizer = prepare(TrainOptions(init=service.config["model"]["path"]), corpus)
    if severity is not None:
        with torch.no_grad():
            *_, weight, bias = network.severity_head.parameters()
            weight.zero_()
            bias.fill_(severity)
    models = Models(service.state)
    models.make()
    return export(network, tokenizer, corpus, {}, models.folder, keep_counts=False).name


def _metric(service: Service, name: str, **labels: str) -> float | None:
    for family in text_string_to_metric_families(service.get("/metrics")):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return sample.value
    return None


def _detect(service: Service) -> str:
    """Return the name of the model that the API answers with."""
    request = urllib.request.Request(
        service.events("running")[-1]["http"] + "/api/anomaly/detect",
        json.dumps({"log_text": "a line"}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(json.load(answer)["model"])


def _status(service: Service) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(service.get("/api/status"))
    return found


def test_a_new_model_is_swapped_in_and_stays(learning: Service) -> None:
    old = _status(learning)["model"]
    assert _detect(learning) == old
    new = _train(learning)
    assert new != old
    until(lambda: learning.event("model swapped in"), "a swap")
    said = learning.events("model swapped in")[0]
    assert (said["model"], said["before"]) == (new, old)
    assert said["texts"] >= 20 and 0.9 <= said["agreement"] <= 1.0
    status = _status(learning)
    assert status["model"] == _detect(learning) == status["learning"]["accepted"] == new
    assert status["model_trained"] == _metric(
        learning, "tinylogbert_model_trained_timestamp_seconds"
    )
    assert _metric(learning, "tinylogbert_model_info", model=new) == 1
    assert _metric(learning, "tinylogbert_model_info", model=old) is None
    assert _metric(learning, "tinylogbert_model_swaps_total", outcome="accepted") == 1
    # it goes on scoring and counting where it was
    learning.write("app.log", *log_lines(50, seed=1))
    until(lambda: sum(learning.committed().values()) == LINES + 50, "more lines")
    learning.kill()
    learning.start()
    assert _status(learning)["model"] == _detect(learning) == new
    assert sum(learning.committed().values()) == LINES + 50
    assert learning.stop() == 0
    shown = call("status", "-c", learning.config_file).stdout
    assert f"{new} with {old}" in shown and "taken" in shown
    # a model that is named is not replaced
    learning.configure(learning={})
    learning.start()
    assert _status(learning)["model"] == old


def test_a_kill_at_any_moment_leaves_the_old_model_or_the_new_one(learning: Service) -> None:
    old = _status(learning)["model"]
    new = _export(learning)
    wait = random.Random(7)
    models = []
    for number in range(6):
        time.sleep(wait.uniform(0.0, 1.0))  # the moment is arbitrary, what must hold is not
        learning.kill()
        learning.start()
        learning.write("app.log", *log_lines(20, seed=number))
        models.append(_status(learning)["model"])
        assert models[-1] in (old, new)
        assert _detect(learning) in (old, new)
    # what has been taken is never given back
    assert models == sorted(models, key=[old, new].index)
    until(lambda: _status(learning)["model"] == new, "the new model")
    until(lambda: sum(learning.committed().values()) == LINES + 6 * 20, "every line once")


def test_a_worse_model_is_refused_and_stays_refused(learning: Service) -> None:
    old = _status(learning)["model"]
    bad = _export(learning, severity=12.0)
    until(lambda: learning.event("model refused"), "a refusal")
    (said,) = learning.events("model refused")
    assert said["model"] == bad
    assert "recent texts, the model in use on" in said["reason"]
    assert said["new_alerts"] > 10
    assert _metric(learning, "tinylogbert_model_swaps_total", outcome="refused") == 1
    assert _status(learning)["model"] == _detect(learning) == old
    assert learning.stop() == 0

    learning.start()
    good = _export(learning)  # its turn comes after any that the refused one might have had
    until(lambda: learning.event("model swapped in"), "the good one")
    assert not learning.event("model refused")
    status = _status(learning)
    assert (status["model"], list(status["learning"]["refused"])) == (good, [bad])


def test_a_model_that_was_tampered_with_or_is_open_to_others_is_not_used(
    learning: Service,
) -> None:
    learning.stop()
    new = _export(learning)
    folder = learning.state / "models" / new
    folder.chmod(0o777)
    learning.start()
    until(lambda: learning.event("a new model cannot be used"), "a failure")
    assert "can be written by others" in learning.events("a new model cannot be used")[0]["error"]
    folder.chmod(0o700)
    learning.stop()
    learning.start()
    until(lambda: learning.event("model swapped in"), "a swap")
    learning.stop()
    model = folder / "model.pt"
    model.write_bytes(model.read_bytes()[:-1] + b"x")
    learning.start()
    (said,) = learning.events("the model that was swapped in cannot be used, the configured one is")
    assert "has been changed" in said["error"]
    assert _status(learning)["model"] == Path(learning.config["model"]["path"]).name


def test_the_daemon_trains_by_itself_and_ends_its_child_with_itself(service: Service) -> None:
    service.configure(
        learning={
            "swap": "always", "retrain": "daemon", "retrain_hours": 0.0005, "cpu_share": 0.9,
        }
    )  # fmt: skip
    service.start()
    service.write("app.log", *log_lines(LINES))
    until(lambda: service.event("trained"), "a training run")
    until(lambda: _metric(service, "tinylogbert_retrains_total", outcome="done"), "a metric")
    until(lambda: service.event("model swapped in") or service.event("model refused"), "a verdict")
    until(lambda: len(service.events("training on what this host has seen")) > 1, "the next run")
    until(lambda: _children(service), "its process")
    assert service.stop(SIGTERM) == 0
    assert not _children(service)
    assert not service.event("training failed")
    retrained = service.status()["learning"]["retrained"]
    assert retrained["reason"] is None and retrained["seconds"] > 0


def _children(service: Service) -> list[int]:
    """Return the processes that train on the state of ``service``."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"train" in words and str(service.state).encode() in words:
            found.append(int(path.parent.name))
    return found
