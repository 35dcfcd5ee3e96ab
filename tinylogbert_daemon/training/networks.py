"""The two networks, and the graph that is traced from them.

TinyLogBERT is BERT-mini (Turc et al., 2019: 4 layers, 256 wide, 4 heads), LogBERT-Distil is
DistilBERT (Sanh et al., 2019: 6 layers, 768 wide, 12 heads), both with a masked-token head and a
severity head. Their transformers classes stay intact inside, so that pretrained weights of the
same architecture can be loaded.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinylogbert_daemon.model.normalize import LEVELS
from tinylogbert_daemon.model.tokenizer import (
    END,
    MASK,
    PAD,
    POSITIONS,
    SPECIAL_TOKENS,
    START,
    Tokenizer,
)
from tinylogbert_daemon.training import pretrained
from tinylogbert_daemon.training.size import Size

MASK_GROUPS = 4
_SEVERITY_WIDTH = 64
_FIRST_LEVEL = SPECIAL_TOKENS.index(LEVELS[0])
_LAST_LEVEL = SPECIAL_TOKENS.index(LEVELS[-1])


SIZES = {
    "tinylogbert": Size(width=256, layers=4, heads=4, inner=1024),
    "logbert_distil": Size(width=768, layers=6, heads=12, inner=3072),
}
MODEL_TYPES = tuple(SIZES)


def without_level(ids: Tensor, mask: Tensor) -> Tensor:
    """Return ``mask`` without the level tokens of ``ids``; both (batch, tokens).

    The severity head must see neither the level nor that there is one: else it learns that records
    without a level are harmless.
    """
    return mask & ~((ids >= _FIRST_LEVEL) & (ids <= _LAST_LEVEL))


class Network(nn.Module):
    """An encoder with its masked-token head (both transformers') and our severity head."""

    def __init__(self, model_type: str, masked_lm: Any, size: Size) -> None:
        super().__init__()
        self.model_type = model_type
        self.size = size
        self.width = size.width
        self.adapted = False
        """Whether these are an artifact's weights that learned one host's surprise on top."""
        self.masked_lm = masked_lm
        self.severity_head = nn.Sequential(
            nn.Linear(2 * size.width, _SEVERITY_WIDTH), nn.GELU(), nn.Linear(_SEVERITY_WIDTH, 1)
        )

    def encode(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the hidden states of the last layer and of the one below it.

        Of ids and mask (batch, tokens), both (batch, tokens, width). The last layer serves the
        masked-token head alone, so that :meth:`host_parameters` leave the rest as it is.
        """
        encoder = self.masked_lm.base_model
        states = encoder(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        return states.hidden_states[-1], states.hidden_states[-2]

    def host_parameters(self) -> list[nn.Parameter]:
        """Return what learns on a host: the last layer and the masked-token head's own weights.

        Severity and embedding do not depend on them: what a host's logs call normal changes the
        surprise, but cannot teach the severity head to overlook trouble.
        """
        lm = self.masked_lm
        if self.model_type == "tinylogbert":
            head = lm.cls.predictions
            own = [*lm.bert.encoder.layer[-1].parameters(), *head.transform.parameters()]
            return [*own, head.bias]
        own = [*lm.distilbert.transformer.layer[-1].parameters(), *lm.vocab_transform.parameters()]
        return [*own, *lm.vocab_layer_norm.parameters(), lm.vocab_projector.bias]

    def project(self, hidden: Tensor) -> Tensor:
        """Return vocabulary logits (n, vocabulary) of hidden states (n, width)."""
        lm = self.masked_lm
        if self.model_type == "tinylogbert":
            logits: Tensor = lm.cls(hidden)
            return logits
        projected: Tensor = lm.vocab_projector(
            lm.vocab_layer_norm(F.gelu(lm.vocab_transform(hidden)))
        )
        return projected

    def pool(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Return the mean (batch, width) of the hidden states where ``mask`` is true."""
        weight = mask.unsqueeze(-1).to(hidden.dtype)
        return (hidden * weight).sum(1) / weight.sum(1)

    def severity(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Return the log-odds (batch) of trouble, of the states of the layer below the last.

        From their mean and their maximum: one word can be the trouble of a long line.
        """
        highest = hidden.masked_fill(~mask.unsqueeze(-1), -torch.inf).amax(1)
        pooled = torch.cat([self.pool(hidden, mask), highest], dim=-1)
        logit: Tensor = self.severity_head(pooled).squeeze(-1)
        return logit


class VerdictGraph(nn.Module):
    """What is traced: one call gives all that a verdict holds.

    ``ids`` (batch, tokens) int64 and ``mask`` (batch, tokens) bool give per-token surprise in nats
    (batch, tokens; 0 where nothing is scored), severity (batch) in [0, 1] and the unit-length
    embedding (batch, width). Each token but [CLS] and [SEP] is masked once, in ``MASK_GROUPS``
    interleaved groups (as in Salazar et al., 2020, but several tokens a pass); the vocabulary
    projection is computed at masked positions only. A last pass, with the level hidden, feeds
    severity and embedding.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        batch, tokens = ids.shape
        groups = MASK_GROUPS
        scored = mask & (ids != PAD) & (ids != START) & (ids != END)
        turn = torch.arange(tokens, device=ids.device).remainder(groups)
        chosen = torch.stack([scored & (turn == group) for group in range(groups)])
        masked = torch.where(chosen, torch.full_like(ids, MASK), ids)
        unlevelled = without_level(ids, mask)
        hidden, lower = self.network.encode(
            torch.cat([masked.reshape(-1, tokens), ids]),
            torch.cat([mask.repeat(groups, 1), unlevelled]),
        )
        width = self.network.width
        predicted = hidden[: groups * batch].reshape(groups, batch, tokens, width)[chosen]
        wanted = ids.unsqueeze(0).expand(groups, batch, tokens)[chosen]
        losses = F.cross_entropy(self.network.project(predicted), wanted, reduction="none")
        surprise = torch.zeros(
            (groups, batch, tokens), dtype=losses.dtype, device=ids.device
        ).masked_scatter(chosen, losses)
        lower = lower[groups * batch :]
        severity = torch.sigmoid(self.network.severity(lower, unlevelled))
        embedding = F.normalize(self.network.pool(lower, unlevelled), dim=-1)
        return surprise.sum(0), severity, embedding


def build(
    model_type: str, tokenizer: Tokenizer, init: str | None = None, size: Size | None = None
) -> Network:
    """Return a fresh network, or one that starts from pretrained transformers weights.

    ``init`` is a local folder or a hub name of weights of the same architecture, whose size the
    network then has; else ``size``, by default the model type's own, is taken. Raises
    :class:`DataError` if the weights cannot be loaded or are of another architecture.
    """
    from transformers import BertForMaskedLM, DistilBertForMaskedLM
    from transformers.utils import logging

    logging.set_verbosity_error()  # its remarks on weights and losses are not for our users
    weights = pretrained.load(init, _ARCHITECTURES[model_type]) if init else None
    if weights is not None:
        size = weights.size
    config = _config(model_type, size or SIZES[model_type], tokenizer.size)
    masked_lm: Any = (
        BertForMaskedLM(config) if model_type == "tinylogbert" else DistilBertForMaskedLM(config)
    )
    if weights is not None:
        weights.transplant(masked_lm, tokenizer)
    return Network(model_type, masked_lm, size or SIZES[model_type])


_ARCHITECTURES = {"tinylogbert": "bert", "logbert_distil": "distilbert"}


def _config(model_type: str, size: Size, vocabulary: int) -> Any:
    """Return the transformers configuration.

    Without dropout: every draw of a text is masked anew, which regularises by itself (Lan et al.,
    2020, found masked-token accuracy to rise without it); a step takes a third less time, and its
    outcome depends on no generator's state, so that a resumed run equals an uninterrupted one.
    """
    from transformers import BertConfig, DistilBertConfig

    shared = {"vocab_size": vocabulary, "max_position_embeddings": POSITIONS, "pad_token_id": PAD}
    if model_type == "tinylogbert":
        return BertConfig(
            **shared,
            hidden_size=size.width,
            num_hidden_layers=size.layers,
            num_attention_heads=size.heads,
            intermediate_size=size.inner,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
    return DistilBertConfig(
        **shared,
        dim=size.width,
        n_layers=size.layers,
        n_heads=size.heads,
        hidden_dim=size.inner,
        dropout=0.0,
        attention_dropout=0.0,
    )
