"""Weights that others pretrained with transformers, carried over to our vocabulary."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tinylogbert_daemon.errors import DataError
from tinylogbert_daemon.model.tokenizer import LEVEL, POSITIONS, SPECIAL_TOKENS, Tokenizer
from tinylogbert_daemon.training.size import Size

_POSITIONS = "position_embeddings.weight"
_BORROWED = {"[time]": "time", "[num]": "number", "[ip]": "address", "[bin]": "binary"}
"""Words that typed tokens start from where their own name says less."""


@dataclass(frozen=True, slots=True)
class Pretrained:
    """A transformers masked-token model with its tokenizer and the size of its encoder."""

    model: Any
    vocabulary: Any
    size: Size

    def transplant(self, masked_lm: Any, tokenizer: Tokenizer) -> None:
        """Copy the weights into ``masked_lm``, of the same size but with our vocabulary.

        Positions beyond ours are cut off. A token of ours that the old vocabulary has keeps its
        embedding; another starts as the mean of the embeddings of its pieces there.
        """
        target = masked_lm.state_dict()
        for name, value in self.model.state_dict().items():
            if name in target and name.endswith(_POSITIONS):
                positions = min(POSITIONS, len(value))
                target[name][:positions].copy_(value[:positions])
            elif name in target and target[name].shape == value.shape:
                target[name].copy_(value)
        old = self.model.get_input_embeddings().weight.detach()
        new = masked_lm.get_input_embeddings().weight.detach()
        with torch.no_grad():
            for token, index in tokenizer.vocabulary().items():
                pieces = self._pieces(token, index)
                if pieces:
                    new[index] = old[pieces].mean(0)

    def _pieces(self, token: str, index: int) -> list[int]:
        """Return the old ids that ``token`` starts from."""
        known: dict[str, int] = self.vocabulary.get_vocab()
        if token in known:
            return [known[token]]
        word = token.removeprefix("##")
        if LEVEL <= index < len(SPECIAL_TOKENS):
            word = _BORROWED.get(token, token.strip("[]").lower())
        unknown = self.vocabulary.unk_token_id
        pieces = self.vocabulary.encode(word, add_special_tokens=False)
        return [piece for piece in pieces if piece != unknown]


def load(init: str, architecture: str) -> Pretrained:
    """Return the weights in the folder, or of the hub name, ``init``.

    Raises :class:`DataError` if they cannot be loaded or are not of ``architecture``.
    """
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForMaskedLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(init)
        if config.model_type != architecture:
            raise DataError(
                f"--init {init}: holds {config.model_type} weights, this model type needs "
                f"{architecture}"
            )
        # safetensors only: a pickle can run code
        model = AutoModelForMaskedLM.from_pretrained(init, use_safetensors=True)
        vocabulary = AutoTokenizer.from_pretrained(init)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
        kind = "folder" if Path(init).exists() else "name: there is no such folder, and the hub"
        reason = " ".join(str(error).split())
        raise DataError(f"--init {init}: cannot load weights from this {kind}: {reason}") from error
    return Pretrained(model, vocabulary, _size(config))


def _size(config: Any) -> Size:
    # DistilBERT's configuration maps these names to its own, all but the last
    inner = getattr(config, "intermediate_size", None) or config.hidden_dim
    return Size(
        config.hidden_size, config.num_hidden_layers, config.num_attention_heads, int(inner)
    )
