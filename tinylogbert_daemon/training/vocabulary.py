"""A WordPiece vocabulary learned from the texts of a corpus."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Tokenizer as LibraryTokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import WordPieceTrainer

from tinylogbert_daemon.model.tokenizer import END, SPECIAL_TOKENS, START, Tokenizer

VOCABULARY_SIZE = 8192
_WORD_CHARACTERS = 64


def train_tokenizer(texts: Iterable[str], size: int = VOCABULARY_SIZE) -> Tokenizer:
    """Learn a vocabulary of at most ``size`` ids from ``texts`` (each text once).

    A word needs two occurrences to be learned; single characters are always in.
    """
    tokenizer = LibraryTokenizer(
        WordPiece(unk_token="[UNK]", max_input_chars_per_word=_WORD_CHARACTERS)  # noqa: S106
    )
    tokenizer.pre_tokenizer = WhitespaceSplit()
    trainer = WordPieceTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=list(SPECIAL_TOKENS),
        limit_alphabet=200,
        initial_alphabet=list("abcdefghijklmnopqrstuvwxyz"),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer=trainer)
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", START), ("[SEP]", END)]
    )
    return Tokenizer(tokenizer.to_str())
