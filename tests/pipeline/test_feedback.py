"""Feedback in a pipeline: near texts by the embeddings of the model in use, over a swap too."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from tinylogbert_daemon.clock import ManualClock
from tinylogbert_daemon.decide.budget import Budget
from tinylogbert_daemon.decide.incident import Incident
from tinylogbert_daemon.decide.incidents import IncidentBook
from tinylogbert_daemon.errors import FeedbackError
from tinylogbert_daemon.metrics import Metrics
from tinylogbert_daemon.model.artifact import load
from tinylogbert_daemon.model.normalize import normalize
from tinylogbert_daemon.model.scorer import Scorer, Verdict
from tinylogbert_daemon.model.shape import shapes
from tinylogbert_daemon.pipeline.feedback import PipelineFeedback
from tinylogbert_daemon.privacy import Masker
from tinylogbert_daemon.state import Store
from tinylogbert_daemon.state.feedback import Asked

LINE = "2026-06-12T10:00:00Z ERROR [worker-1] broker: cannot reach queue at 10.1.1.7:5672"
NEAR = "2026-06-12T10:00:00Z ERROR [worker-1] broker: cannot reach cache at 10.1.1.7:5672"
FAR = "Jun 12 10:00:07 web1 sshd[7]: Accepted key for deploy from 10.0.1.1 port 7"


class Scene:
    """The port of feedback on a real model and a real store."""

    def __init__(self, directory: Path, model: Path) -> None:
        self.scorer = Scorer(load(str(model)))
        self.store = Store(directory)
        self.clock = ManualClock(1000.0)
        self.metrics = Metrics(CollectorRegistry())
        self.closed: list[Incident] = []
        self.threads = ThreadPoolExecutor(1)
        self.port = self.make()

    def make(self) -> PipelineFeedback:
        """Return a port as a daemon's start makes it."""
        return PipelineFeedback(
            self.store,
            IncidentBook(900.0, Budget(9, 9)),
            lambda close: self.closed.extend(close()),
            state_thread=self.threads,
            scorer_thread=self.threads,
            clock=self.clock,
            metrics=self.metrics,
            masker=Masker(),
        )

    def verdict(self, line: str) -> Verdict:
        (shape,) = shapes(line.encode() + b"\n")
        return self.scorer.score([normalize(shape)])[0]


@pytest.fixture
def scene(tmp_path: Path, model_folder: Path) -> Iterator[Scene]:
    made = Scene(tmp_path / "state", model_folder)
    yield made
    made.threads.shutdown()
    made.store.close()


def _cosine(one: Verdict, other: Verdict) -> float:
    return float(one.embedding.astype(float) @ other.embedding.astype(float))


def test_near_texts_are_muted_and_still_are_after_a_restart(scene: Scene) -> None:
    line, near, far = map(scene.verdict, (LINE, NEAR, FAR))
    between = (_cosine(line, near) + _cosine(line, far)) / 2
    assert _cosine(line, far) < between < _cosine(line, near)

    async def say() -> PipelineFeedback:
        await scene.port.use(scene.scorer)
        await scene.port.add(
            Asked("normal", log_text=LINE, near=True, similarity=between, author="anna")
        )
        again = scene.make()
        await again.use(scene.scorer)
        return again

    again = asyncio.run(say())
    for port in (scene.port, again):
        assert port.book.muting(line) is not None
        assert port.book.muting(near) is not None
        assert port.book.muting(far) is None
    count = scene.metrics.registry.get_sample_value
    assert count("tinylogbert_feedback_total", {"kind": "normal"}) == 1


def test_a_new_model_embeds_the_text_anew(scene: Scene, narrow_scorer: Scorer) -> None:
    async def say() -> None:
        await scene.port.use(scene.scorer)
        await scene.port.add(Asked("real", log_text=LINE, near=True, similarity=0.999))
        await scene.port.use(narrow_scorer)

    asyncio.run(say())
    (shape,) = shapes(NEAR.encode() + b"\n")
    text = normalize(shape)
    (before,) = scene.scorer.score([text])
    assert before.embedding.size != narrow_scorer.score([text])[0].embedding.size
    assert scene.port.book.of(before) is None  # of the old model: near to nothing any more
    (same,) = narrow_scorer.score([scene.verdict(LINE).text])
    assert scene.port.book.is_real(same)


@pytest.fixture(scope="module")
def narrow_scorer(log_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    """A scorer on a model of another width, not trained."""
    from tinylogbert_daemon.training.corpus import collect
    from tinylogbert_daemon.training.export import export
    from tinylogbert_daemon.training.size import Size
    from tinylogbert_daemon.training.train import TrainOptions, train

    size = Size(width=16, layers=1, heads=2, inner=32)
    options = TrainOptions(epochs=1, batch_size=64, init="none", size=size)
    folder = tmp_path_factory.mktemp("other")
    corpus = collect([str(log_file)])
    network, tokenizer, summary = train(options, corpus, folder)
    return Scorer(load(str(export(network, tokenizer, corpus, summary, folder))))


def test_the_secrets_of_a_line_are_not_kept_but_its_text_is_muted(scene: Scene) -> None:
    secret = "app: login failed for anna password=hunterzwei"

    async def say() -> None:
        await scene.port.use(scene.scorer)
        entry = await scene.port.add(Asked("mute", log_text=secret, seconds=60))
        assert "hunterzwei" not in entry.sample + entry.text
        again = scene.make()
        await again.use(scene.scorer)
        assert again.book.muting(scene.verdict(secret)) is not None

    asyncio.run(say())
    assert b"hunterzwei" not in scene.store.path.read_bytes()


def test_what_is_undone_or_expired_is_not_heeded_after_a_restart(scene: Scene) -> None:
    async def say() -> int:
        await scene.port.use(scene.scorer)
        await scene.port.add(Asked("normal", log_text=LINE))
        await scene.port.add(Asked("mute", log_text=FAR, seconds=60))
        await scene.port.undo(1, "ben")
        with pytest.raises(FeedbackError, match="undone already"):
            await scene.port.undo(1, "ben")
        scene.clock.advance(60.0)
        again = scene.make()
        await again.use(scene.scorer)
        return len(again.book)

    assert asyncio.run(say()) == 0
