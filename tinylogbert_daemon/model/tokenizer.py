"""From texts to token ids: WordPiece (Schuster and Nakajima, 2012) over words and typed tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer as _Tokenizer

from tinylogbert_daemon.errors import ArtifactError
from tinylogbert_daemon.model.normalize import TYPED_TOKENS

POSITIONS = 128
"""Tokens of a text at most, [CLS] and [SEP] included."""

PAD, UNKNOWN, START, END, MASK, LEVEL = range(6)
CONTROL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[LEVEL]")
"""The first ids of every vocabulary, in this order.

``[LEVEL]`` stood for a hidden level; nothing uses it now, but its place keeps the others' ids.
"""

SPECIAL_TOKENS = CONTROL_TOKENS + TYPED_TOKENS


@dataclass(frozen=True, slots=True)
class Encoding:
    """A text as the model reads it: ``ids`` and ``tokens`` start with [CLS] and end with [SEP].

    ``words`` gives, for each token, the index of its word in the text, or -1. ``cut`` says that
    the text had more than ``POSITIONS`` tokens.
    """

    ids: list[int]
    tokens: list[str]
    words: list[int]
    cut: bool


class Tokenizer:
    """The vocabulary of one artifact.

    Raises :class:`ArtifactError` if ``content``, the text of a ``tokenizer.json``, is not a
    tokenizer of this format.
    """

    def __init__(self, content: str) -> None:
        try:
            self._tokenizer = _Tokenizer.from_str(content)
        except Exception as error:  # the library raises plain Exception
            raise ArtifactError(f"tokenizer.json is not a tokenizer: {error}") from error
        for wanted, token in enumerate(SPECIAL_TOKENS):
            if self._tokenizer.token_to_id(token) != wanted:
                raise ArtifactError(
                    f"tokenizer.json gives {token} another id than {wanted}: "
                    "it was made by another version; train again"
                )
        self._tokenizer.enable_truncation(POSITIONS)
        self._tokenizer.no_padding()

    @property
    def size(self) -> int:
        """The number of ids."""
        return int(self._tokenizer.get_vocab_size())

    def vocabulary(self) -> dict[str, int]:
        """Return each token's id."""
        return dict(self._tokenizer.get_vocab())

    def to_json(self) -> str:
        """Return the text of ``tokenizer.json``."""
        return str(self._tokenizer.to_str())

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Return the encoding of each text, in order."""
        return [
            Encoding(
                found.ids,
                found.tokens,
                [-1 if word is None else word for word in found.word_ids],
                bool(found.overflowing),
            )
            for found in self._tokenizer.encode_batch(list(texts))
        ]
