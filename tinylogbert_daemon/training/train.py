"""The training loop: masked-token modelling and the severity head, resumable, then the export."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tinylogbert_daemon.errors import ArtifactError, DataError
from tinylogbert_daemon.model import artifact
from tinylogbert_daemon.model.tokenizer import Tokenizer
from tinylogbert_daemon.training.batches import Batch, Examples, count_weight
from tinylogbert_daemon.training.corpus import Corpus
from tinylogbert_daemon.training.networks import Network, build
from tinylogbert_daemon.training.save import Save
from tinylogbert_daemon.training.size import Size
from tinylogbert_daemon.training.vocabulary import train_tokenizer

SAVE_SECONDS = 60.0
"""How often a run in progress is saved, so that an interruption costs at most this."""

_WARMUP_SHARE = 0.06
_CLIP_NORM = 1.0
_WEIGHT_DECAY = 0.01


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """What a run depends on; equal options on an equal corpus resume each other.

    An epoch draws as many texts as the corpus has distinct ones. ``learning_rate`` is the peak of a
    linear warm-up and decay. ``init`` is ``"base"``, ``"none"``, an artifact, or a folder or hub
    name of pretrained transformers weights. ``size`` is for a network from nothing, by default the
    model type's own.
    """

    model_type: str = "tinylogbert"
    epochs: int = 10
    batch_size: int = 32
    learning_rate: float = 3e-4
    init: str = "base"
    seed: int = 0
    size: Size | None = None


class StopTraining(Exception):  # noqa: N818 - not an error: an order
    """Raised by a ``report``: the run is saved between two steps and ends with this exception."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What the loop reports after each step."""

    step: int
    steps: int
    loss: float


def prepare(options: TrainOptions, corpus: Corpus) -> tuple[Network, Tokenizer]:
    """Return the network and tokenizer that a run starts from.

    Raises :class:`DataError` if ``init`` cannot be used for this model type, and
    :class:`ArtifactError` if it is an artifact that cannot be loaded.
    """
    torch.manual_seed(options.seed)
    init = Path(options.init)
    if options.init == "none":
        tokenizer = train_tokenizer(corpus.texts)
        return build(options.model_type, tokenizer, size=options.size), tokenizer
    is_artifact = init.name == artifact.MODEL_FILE or (init / artifact.MANIFEST_FILE).exists()
    if options.init != "base" and not is_artifact:
        tokenizer = train_tokenizer(corpus.texts)
        return build(options.model_type, tokenizer, options.init), tokenizer
    start = artifact.load(options.init)
    if start.manifest.model_type != options.model_type:
        raise DataError(
            f"--init {options.init}: is a {start.manifest.model_type} model, cannot start a "
            f"{options.model_type} one; use --init none"
        )
    size = start.manifest.training.get("size")
    network = build(options.model_type, start.tokenizer, size=Size(**size) if size else None)
    load_weights(network, start)
    return network, start.tokenizer


def load_weights(network: Network, start: artifact.Artifact) -> None:
    """Copy an artifact's weights into ``network``; raises :class:`ArtifactError` on a mismatch."""
    state = {
        name.removeprefix("network."): value.float()
        for name, value in start.unfrozen_graph().state_dict().items()
    }
    try:
        network.load_state_dict(state, strict=False)
        missing = [name for name, _ in network.named_parameters() if name not in state]
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise ArtifactError(f"{start.folder}: its weights do not fit: {reason}") from error
    if missing:
        raise ArtifactError(f"{start.folder}: it has no weights for {', '.join(missing[:3])}")


def train(
    options: TrainOptions,
    corpus: Corpus,
    checkpoint_dir: Path,
    report: Callable[[Progress], None] = lambda _: None,
    weights: Sequence[float] | None = None,
) -> tuple[Network, Tokenizer, dict[str, Any]]:
    """Train and return the network, its tokenizer and a summary; resumes an interrupted run.

    ``weights`` are the sampling weights of ``corpus.texts``; by default 1 + ln(count). ``report``
    may raise :class:`StopTraining`. Uses a GPU if there is one; the network comes back on the CPU.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network, tokenizer = prepare(options, corpus)
    network.to(device)
    texts = corpus.texts
    if weights is None:
        weights = [count_weight(corpus.counts[text]) for text in texts]
    examples = Examples(tokenizer, texts, weights, options.seed)
    steps = max(1, options.epochs * math.ceil(len(texts) / options.batch_size))
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=options.learning_rate, weight_decay=_WEIGHT_DECAY, fused=True
    )
    save = Save(checkpoint_dir, json.dumps([asdict(options), texts, list(weights)]))
    step, loss = save.restore(network, optimizer)
    network.train()
    saved_at = time.monotonic()
    try:
        while step < steps:
            _set_rate(optimizer, options.learning_rate, step, steps)
            batch = examples.batch(step, options.batch_size).to(device)
            value = _step(network, optimizer, batch)
            loss = value if math.isnan(loss) else 0.98 * loss + 0.02 * value
            step += 1
            report(Progress(step, steps, loss))
            if time.monotonic() - saved_at > SAVE_SECONDS:
                save.write(network, optimizer, step, loss)
                saved_at = time.monotonic()
    except StopTraining:
        save.write(network, optimizer, step, loss)
        raise
    network.eval().to("cpu")
    save.remove()
    summary = {
        **asdict(options),
        "init": options.init if options.init in ("base", "none") else Path(options.init).name,
        "size": asdict(network.size),
        "steps": steps,
        "loss": None if math.isnan(loss) else round(loss, 4),
        "texts": len(texts),
        "records": corpus.records,
    }
    return network, tokenizer, summary


def losses(network: Network, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the masked-token loss (nats per token) and the severity loss of one batch."""
    hidden = network.encode(batch.masked, batch.mask)
    logits = network.project(hidden[batch.chosen])
    masked = F.cross_entropy(logits, batch.ids[batch.chosen]) if len(logits) else logits.sum()
    labelled = batch.weight > 0
    if not bool(labelled.any()):
        return masked, masked.new_zeros(())
    ids, mask = batch.unlevelled[labelled], batch.mask[labelled]
    pooled = network.pool(network.encode(ids, mask), mask)
    severity = F.binary_cross_entropy_with_logits(
        network.severity_head(pooled).squeeze(-1),
        batch.target[labelled],
        weight=batch.weight[labelled],
    )
    return masked, severity


def _step(network: Network, optimizer: torch.optim.Optimizer, batch: Batch) -> float:
    masked, severity = losses(network, batch)
    total = masked + severity
    optimizer.zero_grad(set_to_none=True)
    total.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), _CLIP_NORM)
    optimizer.step()
    return float(total.detach())


def _set_rate(optimizer: torch.optim.Optimizer, peak: float, step: int, steps: int) -> None:
    warmup = max(1, int(steps * _WARMUP_SHARE))
    share = (step + 1) / warmup if step < warmup else (steps - step) / max(1, steps - warmup)
    for group in optimizer.param_groups:
        group["lr"] = peak * share
