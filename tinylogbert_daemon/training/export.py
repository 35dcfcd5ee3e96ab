"""From a trained network to an artifact: trace, check against eager, calibrate, write."""

from __future__ import annotations

import io
import math
import time
import warnings
import zipfile
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from tinylogbert_daemon.decide.calibration import Calibration
from tinylogbert_daemon.decide.evidence import level_evidence, trusted
from tinylogbert_daemon.decide.familiarity import WordPairs
from tinylogbert_daemon.errors import ArtifactError
from tinylogbert_daemon.model import artifact
from tinylogbert_daemon.model.precision import some_rows
from tinylogbert_daemon.model.products import has_int8, ranges_of
from tinylogbert_daemon.model.scorer import Scorer, text_key
from tinylogbert_daemon.model.tokenizer import PAD, Tokenizer
from tinylogbert_daemon.training.corpus import Corpus, held_out
from tinylogbert_daemon.training.layers import EXACT
from tinylogbert_daemon.training.networks import Network, VerdictGraph

TOLERANCE = 1e-4
"""How far TorchScript may differ from eager in nats per token and in severity."""

INT8_TOLERANCE = 0.1
"""How far int8 may change a verdict, in nats per token and in severity; beyond, fp32 is kept to."""

CALIBRATION_TEXTS = 4000
_CHECKED_TEXTS = 64
_BLUR_NATS = 1.0
_JUDGED_TEXTS = 2000
_COUNTS_LIMIT = 50_000


def trace(network: Network, encoded: Sequence[Sequence[int]]) -> torch.jit.ScriptModule:
    """Return the unfrozen TorchScript graph of ``network``, in fp16 weights.

    ``encoded`` are rows of ids to trace with: the graph holds for other batches and lengths.
    """
    graph = VerdictGraph(deepcopy(network)).eval()  # a trace shares its module's weights
    ids, mask = _pad(encoded)
    with torch.no_grad(), warnings.catch_warnings():
        # TorchScript's deprecation, and the tracer's remarks on shape checks inside transformers;
        # what they warn of is tested below by comparing with eager on other shapes
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(graph, (ids, mask), check_trace=False)  # type: ignore[no-untyped-call]
    half: torch.jit.ScriptModule = traced.half()
    return half


def saved(graph: torch.jit.ScriptModule) -> bytes:
    """Return the file of ``graph``, without the paths of its code on the machine of the trace."""
    whole, kept = io.BytesIO(), io.BytesIO()
    torch.jit.save(graph, whole)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(kept, "w") as target:
        for entry in source.infolist():
            if not entry.filename.endswith(".debug_pkl"):
                target.writestr(entry, source.read(entry))
    return kept.getvalue()


def check(network: Network, graph: torch.jit.ScriptModule, rows: Sequence[Sequence[int]]) -> float:
    """Return the largest difference between ``graph`` and eager over ``rows``, one by one.

    ``network`` must hold the same fp16-rounded weights. Raises :class:`ArtifactError` above
    ``TOLERANCE``.
    """
    eager = VerdictGraph(network.eval()).eval()
    worst = 0.0
    with torch.no_grad():
        for row in rows:
            ids, mask = _pad([row])
            for expected, actual in zip(eager(ids, mask)[:2], graph(ids, mask)[:2], strict=True):
                worst = max(worst, float((expected - actual).abs().max()))
    if worst > TOLERANCE:
        raise ArtifactError(
            f"export failed: TorchScript differs from eager by {worst:.2g} (allowed {TOLERANCE:g})"
        )
    return worst


def export(
    network: Network,
    tokenizer: Tokenizer,
    corpus: Corpus,
    summary: dict[str, Any],
    checkpoint_dir: Path,
    *,
    keep_counts: bool = True,
    reference: Sequence[str] | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> Path:
    """Write the artifact of ``network`` and point the symlink of its type at it.

    Returns the artifact's folder. ``keep_counts`` writes the corpus's counts into it, for a model
    of the host that it was trained on. ``reference`` are the texts to calibrate on. By default a
    new model is calibrated on those of the corpus that were not learned from, if there are any; one
    that adapted an artifact to a host on all of them, blurred: what is surprising there is what
    surprises more than this host's own texts, which may be few.
    """
    report("tracing and checking against eager")
    # what is checked and calibrated is what will be loaded: weights that went through fp16
    network.half().float()
    texts = corpus.texts
    sample = texts[:: max(1, len(texts) // _CHECKED_TEXTS)][:_CHECKED_TEXTS]
    rows = [encoding.ids for encoding in tokenizer.encode(sample)]
    model = saved(trace(network, rows[:3]))
    details = {**summary, "timestamp": int(time.time()), "torch": torch.__version__.split("+")[0]}
    draft = artifact.Artifact(
        name="draft",
        folder=checkpoint_dir,
        manifest=artifact.Manifest(network.model_type, {}, details, {}),
        tokenizer=tokenizer,
        model=model,
    )
    difference = check(network, draft.graph(), rows)
    details["export_difference"] = float(f"{difference:.2g}")
    draft = with_ranges(draft, sample)
    if reference is None:
        reference = (None if network.adapted else held_out(texts)) or texts
        reference = reference[:: math.ceil(len(reference) / CALIBRATION_TEXTS)]
    report(f"calibrating on {len(reference)} texts")
    scorer = Scorer(draft, torch.get_num_threads())
    calibration = Calibration.fit(scorer.score(reference))
    if network.adapted:
        calibration = calibration.smoothed(_BLUR_NATS)
    folder = artifact.write(
        checkpoint_dir,
        model_type=network.model_type,
        model=draft.model,
        tokenizer=tokenizer,
        training=details,
        calibration=calibration.to_json(),
        counts=_counts(corpus) if keep_counts else {},
        pairs=_pairs(corpus, scorer) if keep_counts else "",
        ranges=draft.manifest.ranges,
    )
    point(checkpoint_dir / network.model_type, folder)
    return folder


def with_ranges(draft: artifact.Artifact, texts: Sequence[str]) -> artifact.Artifact:
    """Return ``draft`` with what int8 needs to know, if this host can tell that int8 will do.

    The ranges are those of ``texts``, which should be like what is to be scored, and of any words.
    """
    if not has_int8():
        return draft
    rows = [encoding.ids for encoding in draft.tokenizer.encode(texts)]
    others = some_rows(draft.tokenizer.size)
    batches = [*(_pad([row]) for row in rows), (others, others != PAD)]
    found = ranges_of(draft.unfrozen_graph().float().eval(), batches)
    ranges = {name: range_ for name, range_ in found.items() if name not in EXACT}
    ranged = replace(draft, manifest=replace(draft.manifest, ranges=ranges))
    exact, rough = (Scorer(ranged, precision=way).score(texts) for way in ("fp32", "int8"))
    change = max(
        max(abs(one.raw - other.raw), abs(one.severity - other.severity))
        for one, other in zip(exact, rough, strict=True)
    )
    draft.manifest.training["int8_difference"] = float(f"{change:.2g}")
    return ranged if change <= INT8_TOLERANCE else draft


def point(link: Path, folder: Path) -> None:
    """Make the symlink ``link`` name ``folder``, atomically."""
    new = link.with_name(f".{link.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(folder.name, target_is_directory=True)
    new.replace(link)


def _counts(corpus: Corpus) -> dict[str, int]:
    commonest = sorted(corpus.counts, key=lambda text: -corpus.counts[text])[:_COUNTS_LIMIT]
    return {f"{text_key(text):016x}": corpus.episodes.get(text, 1) for text in commonest if text}


def _pairs(corpus: Corpus, scorer: Scorer) -> str:
    """Return the word pairs of a corpus; what reads like trouble makes its wording less known.

    Of many texts only some are looked at for that, those logged as errors first.
    """
    likely = sorted(corpus.texts, key=lambda text: -level_evidence(text))[:_JUDGED_TEXTS]
    judged = {verdict.text: verdict for verdict in scorer.score(likely)}
    pairs = WordPairs()
    for text in corpus.texts:
        episodes: float = corpus.episodes.get(text, 1)
        if text in judged:
            episodes = trusted(judged[text], episodes)
        if episodes:
            pairs.add(text, episodes)
    return pairs.packed()


def _pad(rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.nn.utils.rnn.pad_sequence(
        [torch.tensor(row) for row in rows], batch_first=True, padding_value=PAD
    )
    return ids, ids != PAD
