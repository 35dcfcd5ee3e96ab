"""Training: what is learned from, resuming, starting points."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from tests.conftest import log_lines
from tinylogbert_daemon.errors import ArtifactError, DataError
from tinylogbert_daemon.model.artifact import load
from tinylogbert_daemon.model.scorer import Scorer
from tinylogbert_daemon.training.corpus import Corpus, collect
from tinylogbert_daemon.training.export import export
from tinylogbert_daemon.training.networks import Network
from tinylogbert_daemon.training.size import Size
from tinylogbert_daemon.training.train import (
    MIN_HOST_STEPS,
    Progress,
    StopTraining,
    TrainOptions,
    load_weights,
    prepare,
    train,
)

TINY = Size(width=16, layers=1, heads=2, inner=32)
OPTIONS = TrainOptions(epochs=3, batch_size=8, init="none", size=TINY)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    path = tmp_path_factory.mktemp("corpus") / "a.log"
    path.write_text("\n".join(log_lines(120)))
    return collect([str(path)])


def weights(network: Network) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


def test_training_lowers_the_loss_and_reports_every_step(corpus: Corpus, tmp_path: Path) -> None:
    reports: list[Progress] = []
    options = TrainOptions(epochs=6, batch_size=8, init="none", learning_rate=1e-2, size=TINY)

    _, _, summary = train(options, corpus, tmp_path, reports.append)

    assert [report.step for report in reports] == list(range(1, reports[0].steps + 1))
    assert reports[-1].loss < 0.9 * reports[0].loss
    assert summary["texts"] == len(corpus.texts)
    assert summary["size"] == {"width": 16, "layers": 1, "heads": 2, "inner": 32}
    assert not list(tmp_path.glob(".resume*")), "a finished run leaves no save behind"


def test_equal_options_give_equal_weights_and_another_seed_others(
    corpus: Corpus, tmp_path: Path
) -> None:
    one = weights(train(OPTIONS, corpus, tmp_path)[0])
    again = weights(train(OPTIONS, corpus, tmp_path)[0])
    options = TrainOptions(epochs=3, batch_size=8, init="none", size=TINY, seed=1)
    other = weights(train(options, corpus, tmp_path)[0])

    assert same(one, again)
    assert not same(one, other)


@pytest.mark.parametrize("stops", [(1,), (5, 9)])
def test_an_interrupted_run_ends_with_the_weights_of_an_uninterrupted_one(
    corpus: Corpus, tmp_path: Path, stops: tuple[int, ...]
) -> None:
    whole = weights(train(OPTIONS, corpus, tmp_path / "whole")[0])
    first_steps = []
    for stop in stops:

        def interrupt(progress: Progress, stop: int = stop) -> None:
            first_steps.append(progress.step)
            if progress.step == stop:
                raise StopTraining

        with pytest.raises(StopTraining):
            train(OPTIONS, corpus, tmp_path / "parts", interrupt)
    resumed = weights(train(OPTIONS, corpus, tmp_path / "parts")[0])

    assert first_steps == list(range(1, stops[-1] + 1)), "no step was done twice"
    assert same(whole, resumed)


@pytest.mark.parametrize(("limit", "done"), [(None, 48), (96.0, 48), (12.0, 12), (0.0, 1)])
def test_the_rate_falls_with_the_time_and_the_run_ends_with_it(
    limit: float | None, done: int, tmp_path: Path
) -> None:
    texts = [f"[time] [info] word{number}" for number in range(128)]
    options = TrainOptions(epochs=3, batch_size=8, init="none", size=TINY)
    rates: list[float] = []
    hook = register_optimizer_step_pre_hook(
        lambda optimizer, *_: rates.append(optimizer.param_groups[0]["lr"])
    )
    seconds = count()  # a step takes one: the clock is asked twice a step
    try:
        _, _, summary = train(
            options,
            Corpus(dict.fromkeys(texts, 1), len(texts)),
            tmp_path,
            max_seconds=limit,
            now=lambda: next(seconds) // 2,
        )
    finally:
        hook.remove()

    assert summary["steps"] == len(rates) == pytest.approx(done, abs=1)
    if done > 1:
        assert max(rates) == pytest.approx(options.learning_rate, rel=0.3)
        assert rates[-1] < 0.2 * options.learning_rate
        top = rates.index(max(rates))
        assert rates[top:] == sorted(rates[top:], reverse=True)
    assert not list(tmp_path.glob(".resume*")), "it is over, the same command begins anew"


def test_a_save_of_another_corpus_is_not_resumed(corpus: Corpus, tmp_path: Path) -> None:
    def interrupt(_: Progress) -> None:
        raise StopTraining

    with pytest.raises(StopTraining):
        train(OPTIONS, corpus, tmp_path, interrupt)
    reports: list[Progress] = []
    train(OPTIONS, Corpus({**corpus.counts, "one more": 1}, 1), tmp_path, reports.append)

    assert reports[0].step == 1


def test_a_crash_while_saving_leaves_the_save_before(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.step == 4:
            raise StopTraining

    with pytest.raises(StopTraining):
        train(OPTIONS, corpus, tmp_path, interrupt)
    (save,) = tmp_path.glob(".resume*")
    half = save / "new"
    half.mkdir()
    (half / "state.json").write_text('{"step"')
    reports: list[Progress] = []
    train(OPTIONS, corpus, tmp_path, reports.append)

    assert reports[0].step == 5


def test_an_artifact_is_a_starting_point_of_its_own_size(
    model_folder: Path, corpus: Corpus
) -> None:
    for init in (model_folder, model_folder / "model.pt", model_folder.parent / "tinylogbert"):
        network, tokenizer = prepare(TrainOptions(init=str(init)), corpus)

        saved = load(str(model_folder)).unfrozen_graph().state_dict()
        assert tokenizer.to_json() == (model_folder / "tokenizer.json").read_text()
        assert same(
            {f"network.{name}": value for name, value in network.named_parameters()},
            {name: value.float() for name, value in saved.items()},
        )


def test_an_artifact_of_the_other_type_is_no_starting_point(
    model_folder: Path, corpus: Corpus
) -> None:
    options = TrainOptions(model_type="logbert_distil", init=str(model_folder))
    with pytest.raises(DataError, match=r"is a tinylogbert model.*use --init none"):
        prepare(options, corpus)


def test_weights_of_another_size_are_refused_in_one_line(
    model_folder: Path, corpus: Corpus
) -> None:
    network, _ = prepare(OPTIONS, corpus)
    with pytest.raises(ArtifactError, match="do not fit") as refusal:
        load_weights(network, load(str(model_folder)))
    assert "\n" not in str(refusal.value)


def test_nothing_is_learned_from_labels_or_simulated_lines(tmp_path: Path) -> None:
    path = tmp_path / "labelled.json"
    objects = [
        {"log_text": "all is well", "label": 0},
        {"log_text": "something odd", "label": 1},
        {"log_text": "made up", "label": 1, "simulated": "garbage"},
        {"log_text": "no label"},
    ]
    path.write_text("\n\n".join(json.dumps(entry) for entry in objects))

    assert collect([str(path)]).counts == {"all is well": 1, "something odd": 1, "no label": 1}


def test_a_host_teaches_surprise_and_leaves_severity_and_embedding_alone(
    corpus: Corpus, tmp_path: Path
) -> None:
    start = export(*train(OPTIONS, corpus, tmp_path)[:2], corpus, {"size": asdict(TINY)}, tmp_path)
    host = Corpus({"[time] [info] all is well here": 5, "[time] [error] no it is not": 1}, 6)
    options = TrainOptions(epochs=1, batch_size=8, init=str(start), learning_rate=1e-2)

    network, tokenizer, summary = train(options, host, tmp_path)
    adapted = export(network, tokenizer, host, summary, tmp_path)

    assert summary["steps"] == MIN_HOST_STEPS
    texts = [*host.texts, *corpus.texts[:5]]
    before, after = (Scorer(load(str(folder))).score(texts) for folder in (start, adapted))
    for one, other in zip(before, after, strict=True):
        assert one.severity == pytest.approx(other.severity, abs=1e-4)
        np.testing.assert_allclose(one.embedding, other.embedding, atol=2e-3)
    assert after[0].raw < before[0].raw - 0.5


def test_an_artifact_can_be_trained_on_as_a_whole(corpus: Corpus, tmp_path: Path) -> None:
    start = export(*train(OPTIONS, corpus, tmp_path)[:2], corpus, {"size": asdict(TINY)}, tmp_path)
    options = TrainOptions(
        epochs=3, batch_size=8, init=str(start), learning_rate=1e-2, whole=True, seed=1
    )

    network, _, summary = train(options, corpus, tmp_path)

    before, after = weights(prepare(options, corpus)[0]), weights(network)
    head = [name for name in before if name.startswith("severity_head")]
    # what learning on a host leaves as it is
    assert not same({name: before[name] for name in head}, after)
    assert summary["whole"] is True
