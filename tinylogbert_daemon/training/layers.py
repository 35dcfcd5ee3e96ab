"""The parts of an encoder that the verdict's graph computes itself, under one set of names.

BERT's and DistilBERT's layers do the same (post-norm transformer layers, Vaswani et al., 2017)
and differ in names only. Their modules hold the weights; the graph calls them in its own order, to
leave out what nobody reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: attention with its projections, then the feed-forward, each with its norm."""

    heads: int
    query: nn.Linear
    key: nn.Linear
    value: nn.Linear
    out: nn.Linear
    attention_norm: nn.LayerNorm
    inner: nn.Linear
    outer: nn.Linear
    norm: nn.LayerNorm

    def queries_keys_values(self, states: Tensor) -> Tensor:
        """Return all three projections (…, 3 * width) of ``states`` (…, width) in one product."""
        return _joined(states, self.query, self.key, self.value)

    def keys_values(self, states: Tensor) -> Tensor:
        """Return keys and values (…, 2 * width) of ``states`` (…, width) in one product."""
        return _joined(states, self.key, self.value)

    def attend(self, queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor) -> Tensor:
        """Return what each query (rows, queries, width) reads of the values (rows, tokens, width).

        ``bias`` (rows, 1, 1, tokens) is added to the scores: 0, or -inf where nothing is read.
        """
        mixed = F.scaled_dot_product_attention(
            self._split(queries), self._split(keys), self._split(values), attn_mask=bias
        )
        return mixed.transpose(1, 2).flatten(2)

    def finish(self, mixed: Tensor, states: Tensor) -> Tensor:
        """Return the layer's output (…, width) of its attention's result and its own input."""
        attended: Tensor = self.attention_norm(self.out(mixed) + states)
        inner = F.gelu(self.inner(attended))
        output: Tensor = self.norm(self.outer(inner) + attended)
        return output

    def _split(self, states: Tensor) -> Tensor:
        rows, tokens, width = states.shape
        return states.reshape(rows, tokens, self.heads, width // self.heads).transpose(1, 2)


def _joined(states: Tensor, *parts: nn.Linear) -> Tensor:
    # freezing folds the joined weights into constants
    weight = torch.cat([part.weight for part in parts])
    return F.linear(states, weight, torch.cat([part.bias for part in parts]))


def layers_of(masked_lm: Any, model_type: str, heads: int) -> list[Layer]:
    """Return the layers of a transformers ``BertForMaskedLM`` or ``DistilBertForMaskedLM``."""
    if model_type == "tinylogbert":
        return [
            Layer(
                heads,
                layer.attention.self.query,
                layer.attention.self.key,
                layer.attention.self.value,
                layer.attention.output.dense,
                layer.attention.output.LayerNorm,
                layer.intermediate.dense,
                layer.output.dense,
                layer.output.LayerNorm,
            )
            for layer in masked_lm.bert.encoder.layer
        ]
    return [
        Layer(
            heads,
            layer.attention.q_lin,
            layer.attention.k_lin,
            layer.attention.v_lin,
            layer.attention.out_lin,
            layer.sa_layer_norm,
            layer.ffn.lin1,
            layer.ffn.lin2,
            layer.output_layer_norm,
        )
        for layer in masked_lm.distilbert.transformer.layer
    ]


def embed(masked_lm: Any, ids: Tensor) -> Tensor:
    """Return the input states (batch, tokens, width) of ``ids`` (batch, tokens)."""
    states: Tensor = masked_lm.base_model.embeddings(input_ids=ids)
    return states


def bias_of(mask: Tensor, states: Tensor) -> Tensor:
    """Return what :meth:`Layer.attend` adds to scores where ``mask`` (rows, tokens) is false.

    In the type of ``states``, which a trace takes from them: the graph holds for other types too.
    """
    nothing = torch.zeros_like(mask, dtype=torch.float32)
    return nothing.masked_fill(~mask, -torch.inf).type_as(states)[:, None, None, :]


def run(layers: Sequence[Layer], states: Tensor, projected: Tensor | None, bias: Tensor) -> Tensor:
    """Return the states (rows, tokens, width) behind ``layers``.

    ``projected`` are the first one's queries, keys and values, if they are known already.
    """
    for layer in layers:
        if projected is None:
            projected = layer.queries_keys_values(states)
        queries, keys, values = projected.chunk(3, -1)
        states = layer.finish(layer.attend(queries, keys, values, bias), states)
        projected = None
    return states
