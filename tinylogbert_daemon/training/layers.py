"""The parts of an encoder that the verdict's graph computes itself, under one set of names.

BERT's and DistilBERT's layers do the same (post-norm transformer layers, Vaswani et al., 2017)
and differ in names only. Their modules hold the weights; the graph calls them in its own order, to
leave out what nobody reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Products = Mapping[str, Callable[[Tensor, Tensor, Tensor], Tensor]]
"""What computes a product of states, weight and bias, by the product's name; else torch does."""

_LAYER_PRODUCTS = ("queries_keys_values", "out", "inner", "outer")
_LAST_LAYER_PRODUCTS = ("keys_values", "query", "out", "inner", "outer")  # less of it is read
TRANSFORM, VOCABULARY = "transform", "vocabulary"
"""The products of the masked-token head."""

EXACT = (f"0_{_LAYER_PRODUCTS[0]}", TRANSFORM)
"""The products that int8 leaves alone: 2 % of the work, and as much of the error as many others."""


def product(products: Products, name: str, states: Tensor, *parts: nn.Linear) -> Tensor:
    """Return ``states`` (…, width) through linear layers, side by side, in one product."""
    compute = products.get(name, F.linear)
    if len(parts) == 1:
        return compute(states, parts[0].weight, parts[0].bias)
    # freezing folds the joined weights into constants
    weight = torch.cat([part.weight for part in parts])
    return compute(states, weight, torch.cat([part.bias for part in parts]))


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
    products: Products
    number: int

    def queries_keys_values(self, states: Tensor) -> Tensor:
        """Return all three projections (…, 3 * width) of ``states`` (…, width) in one product."""
        return self._product("queries_keys_values", states, self.query, self.key, self.value)

    def keys_values(self, states: Tensor) -> Tensor:
        """Return keys and values (…, 2 * width) of ``states`` (…, width) in one product."""
        return self._product("keys_values", states, self.key, self.value)

    def queries(self, states: Tensor) -> Tensor:
        """Return the queries (…, width) of ``states`` (…, width)."""
        return self._product("query", states, self.query)

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
        attended: Tensor = self.attention_norm(self._product("out", mixed, self.out) + states)
        inner = F.gelu(self._product("inner", attended, self.inner))
        output: Tensor = self.norm(self._product("outer", inner, self.outer) + attended)
        return output

    def _product(self, name: str, states: Tensor, *parts: nn.Linear) -> Tensor:
        return product(self.products, f"{self.number}_{name}", states, *parts)

    def _split(self, states: Tensor) -> Tensor:
        rows, tokens, width = states.shape
        return states.reshape(rows, tokens, self.heads, width // self.heads).transpose(1, 2)


def names_of_products(layers: int) -> list[str]:
    """Return the names of all products of the verdict's graph of an encoder of so many layers."""
    names = [f"{number}_{name}" for number in range(layers - 1) for name in _LAYER_PRODUCTS]
    last = [f"{layers - 1}_{name}" for name in _LAST_LAYER_PRODUCTS]
    return [*names, *last, TRANSFORM, VOCABULARY]


def layers_of(masked_lm: Any, model_type: str, heads: int, products: Products) -> list[Layer]:
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
                products,
                number,
            )
            for number, layer in enumerate(masked_lm.bert.encoder.layer)
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
            products,
            number,
        )
        for number, layer in enumerate(masked_lm.distilbert.transformer.layer)
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
