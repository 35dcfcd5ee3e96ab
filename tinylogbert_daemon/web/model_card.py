"""The card of a model, out of its manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinylogbert_daemon.web.models import ModelCard

if TYPE_CHECKING:
    from tinylogbert_daemon.model.artifact import Artifact


def model_card(artifact: Artifact) -> ModelCard:
    """Return the card of ``artifact``."""
    manifest = artifact.manifest
    return ModelCard(
        name=artifact.name,
        type=manifest.model_type,
        format=manifest.format,
        normalizer=manifest.normalizer,
        trained=float(manifest.training.get("timestamp", 0)),
        training=manifest.training,
        files=manifest.files,
        counted_texts=len(manifest.counts),
    )
