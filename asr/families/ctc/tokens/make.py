"""Make a vocabulary from the transcripts of train, and of no other split."""

from collections import Counter
from collections.abc import Iterable, Sequence

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from asr.families.ctc.tokens.vocabulary import SPECIAL, Vocabulary


def make_vocabulary(
    texts: Sequence[str], min_count: int, num_pieces: int
) -> tuple[Vocabulary, Counter[str]]:
    """Make a vocabulary of the characters of texts, and of frequent pieces of words.

    Args:
        texts: in ``spelling``.
        min_count: a character that comes less often is left out.
        num_pieces: most pieces of two letters and more.

    Returns:
        The vocabulary, in an order that depends on its tokens alone; and the characters that were
        left out, with their counts.
    """
    counts = Counter(character for text in texts for character in text if character != " ")
    rare = Counter({character: n for character, n in counts.items() if n < min_count})
    letters = sorted(counts.keys() - rare.keys())
    pieces = _pieces(texts, letters, num_pieces) if num_pieces else []
    return Vocabulary((*SPECIAL, *letters, *pieces)), rare


def _pieces(texts: Iterable[str], letters: Sequence[str], num_pieces: int) -> list[str]:
    """The pieces that byte pair encoding joins first (Sennrich et al., 2016)."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(
        vocab_size=len(letters) + num_pieces,
        initial_alphabet=list(letters),
        limit_alphabet=len(letters),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    known = set(letters)
    return sorted(one for one in tokenizer.get_vocab() if len(one) > 1 and known.issuperset(one))
