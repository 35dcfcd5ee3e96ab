"""The two networks, and the graph that is traced from them.

TinyLogBERT is BERT-mini (Turc et al., 2019: 4 layers, 256 wide, 4 heads), LogBERT-Distil is
DistilBERT (Sanh et al., 2019: 6 layers, 768 wide, 12 heads), both with a masked-token head and a
severity head. Their transformers classes stay intact inside, so that pretrained weights of the
same architecture can be loaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tinylogbert_daemon.errors import DataError
from tinylogbert_daemon.model.normalize import LEVELS
from tinylogbert_daemon.model.tokenizer import (
    CONTROL_TOKENS,
    END,
    LEVEL,
    MASK,
    PAD,
    POSITIONS,
    SPECIAL_TOKENS,
    START,
    Tokenizer,
)

MODEL_TYPES = ("tinylogbert", "logbert_distil")
MASK_GROUPS = 4
_SEVERITY_WIDTH = 64
_FIRST_LEVEL = SPECIAL_TOKENS.index(LEVELS[0])
_LAST_LEVEL = SPECIAL_TOKENS.index(LEVELS[-1])


def hide_level(ids: Tensor) -> Tensor:
    """Return ``ids`` with each level token replaced by ``[LEVEL]``; any shape."""
    return torch.where(
        (ids >= _FIRST_LEVEL) & (ids <= _LAST_LEVEL), torch.full_like(ids, LEVEL), ids
    )


class Network(nn.Module):
    """An encoder with its masked-token head (both transformers') and our severity head."""

    def __init__(self, model_type: str, masked_lm: Any, width: int) -> None:
        super().__init__()
        self.model_type = model_type
        self.width = width
        self.masked_lm = masked_lm
        self.severity_head = nn.Sequential(
            nn.Linear(width, _SEVERITY_WIDTH), nn.GELU(), nn.Linear(_SEVERITY_WIDTH, 1)
        )

    def encode(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return hidden states (batch, tokens, width) of ids and mask (batch, tokens)."""
        encoder = self.masked_lm.base_model
        hidden: Tensor = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        return hidden

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
        """Return the mean (batch, width) of the hidden states that are not padding."""
        weight = mask.unsqueeze(-1).to(hidden.dtype)
        return (hidden * weight).sum(1) / weight.sum(1)


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
        rows = torch.cat([masked.reshape(-1, tokens), hide_level(ids)])
        hidden = self.network.encode(rows, mask.repeat(groups + 1, 1))
        width = self.network.width
        predicted = hidden[: groups * batch].reshape(groups, batch, tokens, width)[chosen]
        wanted = ids.unsqueeze(0).expand(groups, batch, tokens)[chosen]
        losses = F.cross_entropy(self.network.project(predicted), wanted, reduction="none")
        surprise = torch.zeros(
            (groups, batch, tokens), dtype=losses.dtype, device=ids.device
        ).masked_scatter(chosen, losses)
        pooled = self.network.pool(hidden[groups * batch :], mask)
        severity = torch.sigmoid(self.network.severity_head(pooled)).squeeze(-1)
        return surprise.sum(0), severity, F.normalize(pooled, dim=-1)


def build(model_type: str, tokenizer: Tokenizer, init: str | None = None) -> Network:
    """Return a fresh network, or one whose encoder starts from pretrained transformers weights.

    ``init`` is a local folder or a hub name of the same architecture. Its word pieces are mapped to
    ours: a token of our vocabulary starts as the mean of the embeddings of its pieces there.
    Raises :class:`DataError` if the weights cannot be loaded or are of another architecture.
    """
    from transformers import BertConfig, BertForMaskedLM, DistilBertConfig, DistilBertForMaskedLM

    if model_type == "tinylogbert":
        shape = {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4}
        config = BertConfig(
            **shape, intermediate_size=1024, vocab_size=tokenizer.size,
            max_position_embeddings=POSITIONS, pad_token_id=PAD,
        )
        wanted, masked_lm_class = "bert", BertForMaskedLM
    else:
        config = DistilBertConfig(
            vocab_size=tokenizer.size, max_position_embeddings=POSITIONS, pad_token_id=PAD
        )
        wanted, masked_lm_class = "distilbert", DistilBertForMaskedLM
    pretrained, vocabulary = _load_pretrained(init, wanted) if init else (None, None)
    if pretrained is not None:
        config = type(config).from_dict({
            **pretrained.config.to_dict(), "vocab_size": tokenizer.size,
            "max_position_embeddings": POSITIONS, "pad_token_id": PAD,
        })
    masked_lm = masked_lm_class(config)
    if pretrained is not None:
        _transplant(masked_lm, pretrained, tokenizer, vocabulary)
    return Network(model_type, masked_lm, int(config.hidden_size))


def _load_pretrained(init: str, wanted: str) -> tuple[Any, Any]:
    from transformers import AutoConfig, AutoModelForMaskedLM, AutoTokenizer

    try:
        config = AutoConfig.from_pretrained(init)
        if config.model_type != wanted:
            raise DataError(
                f"--init {init}: holds a {config.model_type} model, but this type needs {wanted}"
            )
        # safetensors only: a pickle can run code
        model = AutoModelForMaskedLM.from_pretrained(init, use_safetensors=True)
        vocabulary = AutoTokenizer.from_pretrained(init)
    except (OSError, ValueError, KeyError) as error:
        kind = "folder" if Path(init).exists() else "name on the model hub"
        reason = str(error).strip().splitlines()[0]
        raise DataError(f"--init {init}: cannot load weights from this {kind}: {reason}") from error
    return model, vocabulary


def _transplant(masked_lm: Any, pretrained: Any, tokenizer: Tokenizer, vocabulary: Any) -> None:
    """Copy every weight of the same shape, cut the positions, and map the word embeddings."""
    source = pretrained.state_dict()
    target = masked_lm.state_dict()
    for name, value in source.items():
        if name in target and target[name].shape == value.shape:
            target[name].copy_(value)
        elif name.endswith("position_embeddings.weight"):
            target[name].copy_(value[:POSITIONS])
    old = pretrained.get_input_embeddings().weight.detach()
    new = masked_lm.get_input_embeddings().weight.detach()
    for token, index in tokenizer.vocabulary().items():
        if token in CONTROL_TOKENS and index != LEVEL:
            pieces = [vocabulary.convert_tokens_to_ids(token)]
        else:
            pieces = vocabulary.encode(token.removeprefix("##").strip("[]"), add_special_tokens=False)
        pieces = [piece for piece in pieces if piece is not None]
        if pieces:
            new[index] = old[pieces].mean(0)
