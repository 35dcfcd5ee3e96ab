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

_TILES = (256, 128, 32)
"""Rows of the tiles in which a product of the verdict's graph is computed."""


@torch.jit.script
def _tiled(rows: Tensor, weight: Tensor, bias: Tensor, sizes: tuple[int, int, int]) -> Tensor:
    large, middle, small = sizes
    count = rows.size(0)
    if count % small:
        rows = F.pad(rows, [0, 0, 0, -count % small])
    rest = rows.size(0)
    parts: list[Tensor] = []
    while rest > 0 or len(parts) == 0:
        size = large if rest >= large else min(middle, rest)
        start = rows.size(0) - rest
        parts.append(F.linear(rows[start : start + size], weight, bias))
        rest -= size
    result = parts[0] if len(parts) == 1 else torch.cat(parts)
    return result[:count]


def product(states: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return ``states`` (…, width) through a linear layer.

    In a trace in tiles, the last of which is rounded up: oneDNN, which computes in bf16, compiles
    and keeps half a megabyte for each number of rows that it meets. This way it meets five.
    """
    if not torch._C._get_tracing_state():
        return F.linear(states, weight, bias)
    rows: Tensor = _tiled(states.flatten(0, -2), weight, bias, _TILES)
    return rows.view(*states.shape[:-1], weight.shape[0])


def through(layer: nn.Linear, states: Tensor) -> Tensor:
    """Return ``states`` (…, width) through ``layer``; see :func:`product`."""
    return product(states, layer.weight, layer.bias)


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
        attended: Tensor = self.attention_norm(through(self.out, mixed) + states)
        inner = F.gelu(through(self.inner, attended))
        output: Tensor = self.norm(through(self.outer, inner) + attended)
        return output

    def _split(self, states: Tensor) -> Tensor:
        rows, tokens, width = states.shape
        return states.reshape(rows, tokens, self.heads, width // self.heads).transpose(1, 2)


def _joined(states: Tensor, *parts: nn.Linear) -> Tensor:
    # freezing folds the joined weights into constants
    weight = torch.cat([part.weight for part in parts])
    return product(states, weight, torch.cat([part.bias for part in parts]))


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
