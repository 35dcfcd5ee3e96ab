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
from tinylogbert_daemon.model.precision import has_bfloat16
from tinylogbert_daemon.model.tokenizer import Tokenizer
from tinylogbert_daemon.training.batches import NO_LEVEL, Batch, Examples, count_weight
from tinylogbert_daemon.training.corpus import Corpus, held_out
from tinylogbert_daemon.training.networks import Network, build
from tinylogbert_daemon.training.save import Save
from tinylogbert_daemon.training.size import Size
from tinylogbert_daemon.training.vocabulary import train_tokenizer

SAVE_SECONDS = 60.0
"""How often a run in progress is saved, so that an interruption costs at most this."""

MIN_HOST_STEPS = 100
"""A few texts need that many steps until the model has learned them."""

_WARMUP_SHARE = 0.06
_CLIP_NORM = 1.0
_WEIGHT_DECAY = 0.01


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """What a run depends on; equal options on an equal corpus resume each other.

    An epoch draws as many texts as the corpus has distinct ones. ``learning_rate`` is the peak of a
    linear warm-up and decay. ``init`` is ``"base"``, ``"none"``, an artifact, or a folder or hub
    name of pretrained transformers weights. ``size`` is for a network from nothing, by default the
    model type's own. ``whole`` trains all weights of an artifact on, not those alone that
    adapt to a host.
    """

    model_type: str = "tinylogbert"
    epochs: int = 10
    batch_size: int = 32
    learning_rate: float = 3e-4
    init: str = "base"
    seed: int = 0
    size: Size | None = None
    whole: bool = False


class StopTraining(Exception):  # noqa: N818 - not an error: an order
    """Raised by a ``report``: the run is saved between two steps and ends with this exception."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What the loop reports after each step."""

    step: int
    steps: int
    loss: float


def adapts(options: TrainOptions) -> bool:
    """Return whether a run takes a trained artifact to a host, instead of making a new model."""
    return not options.whole and _starts_from_artifact(options)


def _starts_from_artifact(options: TrainOptions) -> bool:
    init = Path(options.init)
    is_artifact = init.name == artifact.MODEL_FILE or (init / artifact.MANIFEST_FILE).exists()
    return options.init == "base" or is_artifact


def prepare(options: TrainOptions, corpus: Corpus) -> tuple[Network, Tokenizer]:
    """Return the network and tokenizer that a run starts from.

    Raises :class:`DataError` if ``init`` cannot be used for this model type, and
    :class:`ArtifactError` if it is an artifact that cannot be loaded.
    """
    torch.manual_seed(options.seed)
    if options.init == "none":
        tokenizer = train_tokenizer(corpus.texts)
        return build(options.model_type, tokenizer, size=options.size), tokenizer
    if not _starts_from_artifact(options):
        tokenizer = train_tokenizer(corpus.texts)
        return build(options.model_type, tokenizer, options.init), tokenizer
    start = artifact.load(options.init)
    if start.manifest.model_type != options.model_type:
        raise DataError(
            f"--init {options.init}: is a {start.manifest.model_type} model, cannot start a "
            f"{options.model_type} one; use --init none"
        )
    return network_of(start), start.tokenizer


def network_of(start: artifact.Artifact) -> Network:
    """Return the network with an artifact's weights, in fp32; see :func:`load_weights`."""
    size = start.manifest.training.get("size")
    network = build(start.manifest.model_type, start.tokenizer, size=Size(**size) if size else None)
    load_weights(network, start)
    return network


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
    *,
    weights: Sequence[float] | None = None,
    targets: Sequence[float] | None = None,
    max_seconds: float | None = None,
    now: Callable[[], float] = time.monotonic,
) -> tuple[Network, Tokenizer, dict[str, Any]]:
    """Train and return the network, its tokenizer and a summary; resumes an interrupted run.

    ``weights`` are the sampling weights of ``corpus.texts``, by default 1 + ln(count); ``targets``
    the trouble that each means, by default what its level says. What starts from an artifact
    learns the host's surprise only: see :meth:`Network.host_parameters`. ``report`` may raise
    :class:`StopTraining`. After ``max_seconds`` by the clock ``now`` the run is over, all its steps
    taken or not (but one at least); until then the learning rate falls with whichever is further
    on, the steps or the time. Uses a GPU if there is one; the network comes back on the CPU.
    """
    started = now()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network, tokenizer = prepare(options, corpus)
    network.to(device)
    texts = corpus.texts
    if weights is None:
        kept = set(held_out(texts))
        weights = [0.0 if text in kept else count_weight(corpus.counts[text]) for text in texts]
    steps = max(1, options.epochs * math.ceil(len(texts) / options.batch_size))
    learning = list(network.parameters())
    if adapts(options):
        network.adapted = True
        network.requires_grad_(False)
        learning = network.host_parameters()
        for part in learning:
            part.requires_grad_(True)
        steps = max(MIN_HOST_STEPS, steps)
        targets = [NO_LEVEL] * len(texts)
    examples = Examples(tokenizer, texts, weights, options.seed, targets)
    optimizer = torch.optim.AdamW(
        learning, lr=options.learning_rate, weight_decay=_WEIGHT_DECAY, fused=True
    )
    save = Save(checkpoint_dir, json.dumps([asdict(options), texts, list(weights), targets]))
    step, loss, before = save.restore(network, optimizer)
    network.train()
    began = saved_at = now()
    limit = math.inf if max_seconds is None else max(1e-9, max_seconds - (began - started))
    at = float(step)  # where in its schedule the run is, in steps
    try:
        while at < steps:
            _set_rate(optimizer, options.learning_rate, at, steps)
            batch = examples.batch(step, options.batch_size).to(device)
            value = _step(network, optimizer, batch)
            loss = value if math.isnan(loss) else 0.98 * loss + 0.02 * value
            step += 1
            report(Progress(step, steps, loss))
            at = max(step, steps * (now() - began) / limit)
            if now() - saved_at > SAVE_SECONDS:
                save.write(network, optimizer, step, loss, before + now() - started)
                saved_at = now()
    except StopTraining:
        save.write(network, optimizer, step, loss, before + now() - started)
        raise
    network.eval().to("cpu")
    save.remove()
    summary = {
        **asdict(options),
        "init": options.init if options.init in ("base", "none") else Path(options.init).name,
        "size": asdict(network.size),
        "steps": step,
        "seconds": round(before + now() - started, 1),
        "loss": None if math.isnan(loss) else round(loss, 4),
        "texts": len(texts),
        "records": corpus.records,
    }
    return network, tokenizer, summary


def losses(network: Network, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the masked-token loss (nats per token) and the severity loss of one batch."""
    states = network.lower(batch.masked, batch.mask)
    logits = network.predictions(states, batch.mask, batch.chosen)
    masked = F.cross_entropy(logits, batch.ids[batch.chosen]) if len(logits) else logits.sum()
    if not len(batch.target):
        return masked, masked.new_zeros(())
    lower = network.lower(batch.severity_ids, batch.severity_mask)
    severity = F.binary_cross_entropy_with_logits(
        network.severity(lower, batch.severity_mask).float(), batch.target
    )
    return masked, severity


def _step(network: Network, optimizer: torch.optim.Optimizer, batch: Batch) -> float:
    # bfloat16 where the processor computes in it makes a step shorter; weights stay fp32
    device = batch.ids.device.type
    with torch.autocast(device, torch.bfloat16, enabled=has_bfloat16(device)):
        masked, severity = losses(network, batch)
    total = masked + severity
    optimizer.zero_grad(set_to_none=True)
    total.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(
        [part for part in network.parameters() if part.requires_grad], _CLIP_NORM
    )
    optimizer.step()
    return float(total.detach())


def _set_rate(optimizer: torch.optim.Optimizer, peak: float, at: float, steps: int) -> None:
    warmup = max(1, int(steps * _WARMUP_SHARE))
    share = min(1.0, (at + 1) / warmup) if at < warmup else (steps - at) / max(1, steps - warmup)
    for group in optimizer.param_groups:
        group["lr"] = peak * share
