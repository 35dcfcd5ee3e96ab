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
from tinylogbert_daemon.model.products import place
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
from tinylogbert_daemon.training.layers import (
    TRANSFORM,
    VOCABULARY,
    Layer,
    Products,
    bias_of,
    embed,
    layers_of,
    names_of_products,
    product,
    run,
)
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

    def layers(self, products: Products | None = None) -> list[Layer]:
        """Return the encoder's layers, their products computed by ``products``."""
        return layers_of(self.masked_lm, self.model_type, self.size.heads, products or {})

    def lower(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return the hidden states below the last layer alone, as :meth:`encode` gives them."""
        states = embed(self.masked_lm, ids)
        return run(self.layers()[:-1], states, None, bias_of(mask, states))

    def predictions(self, lower: Tensor, mask: Tensor, chosen: Tensor) -> Tensor:
        """Return the vocabulary logits (n, vocabulary) where ``chosen`` (batch, tokens) is true.

        Of the states below the last layer; it and the vocabulary are computed there only.
        """
        last = self.layers()[-1]
        queries, keys, values = last.queries_keys_values(lower).chunk(3, -1)
        mixed = last.attend(queries, keys, values, bias_of(mask, queries))
        return self.project(last.finish(mixed[chosen], lower[chosen]))

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

    def project(self, hidden: Tensor, products: Products | None = None) -> Tensor:
        """Return vocabulary logits (n, vocabulary) of hidden states (n, width)."""
        lm, products = self.masked_lm, products or {}
        if self.model_type == "tinylogbert":
            head = lm.cls.predictions
            transform, norm, last = head.transform.dense, head.transform.LayerNorm, head.decoder
        else:
            transform, norm, last = lm.vocab_transform, lm.vocab_layer_norm, lm.vocab_projector
        inner = F.gelu(product(products, TRANSFORM, hidden, transform))
        return product(products, VOCABULARY, norm(inner), last)

    def pool(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Return the mean (batch, width) of the hidden states where ``mask`` is true, in fp32."""
        weight = mask.unsqueeze(-1).float()
        return (hidden * weight).sum(1) / weight.sum(1)

    def severity(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Return the log-odds (batch) of trouble, of the states of the layer below the last.

        From their mean and their maximum: one word can be the trouble of a long line.
        """
        highest = hidden.masked_fill(~mask.unsqueeze(-1), -torch.inf).amax(1)
        pooled = torch.cat([self.pool(hidden, mask), highest], dim=-1)
        inner_weight, inner_bias, weight, bias = self.severity_head.parameters()
        inner = F.gelu(F.linear(pooled, inner_weight.float(), inner_bias.float()))
        return F.linear(inner, weight.float(), bias.float()).squeeze(-1)


class VerdictGraph(nn.Module):
    """What is traced: one call gives all that a verdict holds.

    ``ids`` (batch, tokens) int64 and ``mask`` (batch, tokens) bool give per-token surprise in nats
    (batch, tokens; 0 where nothing is scored), severity (batch) in [0, 1] and the unit-length
    embedding (batch, width). Each token but [CLS] and [SEP] is masked once, in ``MASK_GROUPS``
    interleaved groups (as in Salazar et al., 2020, but several tokens a pass). A last pass, with
    the level hidden, feeds severity and embedding.

    Computed is only what is read: the first projections of a token once for all passes, for it
    differs among them by being masked or not; the last layer and the vocabulary at masked places
    only, and not at all in the last pass. Results are fp32 in whatever type the weights are. How
    products are computed is up to who loads the graph (:mod:`tinylogbert_daemon.model.products`).
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        names = names_of_products(network.size.layers)
        self.products = nn.ModuleDict({name: place() for name in names})

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        network, groups = self.network, MASK_GROUPS
        batch, tokens = ids.shape
        layers = network.layers(dict(self.products.items()))
        scored = mask & (ids != PAD) & (ids != START) & (ids != END)
        turn = torch.arange(tokens, device=ids.device).remainder(groups)
        chosen = torch.stack([scored & (turn == group) for group in range(groups)])
        unlevelled = without_level(ids, mask)
        # a pass masks one group, the last none
        blank = torch.cat([chosen, torch.zeros_like(chosen[:1])]).flatten(0, 1).unsqueeze(-1)
        seen = torch.cat([mask.repeat(groups, 1), unlevelled])

        plain = embed(network.masked_lm, ids)
        bias = bias_of(seen, plain)
        masked = embed(network.masked_lm, torch.full_like(ids[:1], MASK))
        states = torch.where(blank, masked, plain.repeat(groups + 1, 1, 1))
        projected = torch.where(
            blank,
            layers[0].queries_keys_values(masked),
            layers[0].queries_keys_values(plain).repeat(groups + 1, 1, 1),
        )
        states = run(layers[:-1], states, projected, bias)
        lower = states[groups * batch :]
        losses = self._losses(layers[-1], states[: groups * batch], bias, chosen, ids)
        surprise = torch.zeros_like(chosen, dtype=torch.float32)
        surprise = surprise.masked_scatter(chosen, losses).sum(0)
        severity = torch.sigmoid(network.severity(lower, unlevelled))
        embedding = F.normalize(network.pool(lower, unlevelled), dim=-1)
        return surprise, severity, embedding

    def _losses(
        self, layer: Layer, states: Tensor, bias: Tensor, chosen: Tensor, ids: Tensor
    ) -> Tensor:
        """Return the loss in nats at each place of ``chosen`` (groups, batch, tokens), in order.

        Of states (groups * batch, tokens, width), through the last layer.
        """
        groups, batch, tokens = chosen.shape
        # group g is masked at g, g + groups, …: the places of its queries, one too many in some
        steps = torch.arange(0, tokens, groups, device=ids.device)
        offsets = torch.arange(groups, device=ids.device).repeat_interleave(batch)
        places = steps.unsqueeze(0) + offsets.unsqueeze(1)
        inside = places < tokens
        places = places.clamp(max=tokens - 1)
        picked = chosen.flatten(0, 1).gather(1, places) & inside
        inputs = states.gather(1, places.unsqueeze(-1).expand(-1, -1, self.network.width))
        keys, values = layer.keys_values(states).chunk(2, -1)
        mixed = layer.attend(layer.queries(inputs), keys, values, bias[: groups * batch])
        hidden = layer.finish(mixed[picked], inputs[picked])
        wanted = ids.repeat(groups, 1).gather(1, places)[picked]
        logits = self.network.project(hidden, layer.products)
        return F.cross_entropy(logits.float(), wanted, reduction="none")


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
