"""A WordPiece vocabulary learned from the texts of a corpus; the same texts give the same one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import repeat

from tokenizers import Tokenizer as LibraryTokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import WordPieceTrainer

from tinylogbert_daemon.model.tokenizer import END, SPECIAL_TOKENS, START, Tokenizer

VOCABULARY_SIZE = 8192
_WORD_CHARACTERS = 64
_ALPHABET = 200
_UNKNOWN = "[UNK]"


def train_tokenizer(texts: Iterable[str], size: int = VOCABULARY_SIZE) -> Tokenizer:
    """Learn a vocabulary of at most ``size`` ids from ``texts`` (each text once).

    A word needs two occurrences to be learned; single characters are always in, the commonest
    beside the letters a to z.
    """
    special = frozenset(SPECIAL_TOKENS)
    counts = Counter(word for text in texts for word in text.split(" ") if word not in special)
    alphabet = _alphabet(counts)
    # The library numbers pieces inside words as it meets them, in the order of a hash map, and
    # breaks ties by number (huggingface/tokenizers issue 1794): numbered beforehand, as if they
    # were special, they are the same in every run. Words with other characters are left out.
    inside = [f"##{character}" for character in alphabet]
    trainer = WordPieceTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=[*SPECIAL_TOKENS, *inside],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    kept = set(alphabet)
    words = (
        word
        for word in sorted(counts)
        if kept.issuperset(word)
        for word in repeat(word, counts[word])
    )
    trained = LibraryTokenizer(WordPiece(unk_token=_UNKNOWN))
    trained.pre_tokenizer = WhitespaceSplit()
    trained.train_from_iterator(words, trainer=trainer)
    return _tokenizer(trained.get_vocab(with_added_tokens=True))


def _alphabet(counts: Counter[str]) -> list[str]:
    """Return the letters a to z and the commonest characters, sorted."""
    characters: Counter[str] = Counter()
    for word, count in counts.items():
        for character in word:
            characters[character] += count
    letters = set("abcdefghijklmnopqrstuvwxyz")
    common = sorted(characters, key=lambda character: (-characters[character], character))
    return sorted(letters | set(common[:_ALPHABET]))


def _tokenizer(vocabulary: dict[str, int]) -> Tokenizer:
    tokenizer = LibraryTokenizer(
        WordPiece(vocabulary, unk_token=_UNKNOWN, max_input_chars_per_word=_WORD_CHARACTERS)
    )
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", START), ("[SEP]", END)]
    )
    return Tokenizer(tokenizer.to_str())
