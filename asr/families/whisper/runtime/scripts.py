"""Tokens that write given scripts: of Whisper's 50 257, 42 000 are Latin and 3 000 Cyrillic."""

from collections.abc import Sequence

import regex
from tokenizers import Tokenizer


def tokens_of(scripts: Sequence[str], tokenizer: Tokenizer, num_text_tokens: int) -> list[int]:
    """Text tokens without a letter of any other script, in order.

    Digits, punctuation and combining marks belong to all. A token with part of a character's bytes
    is judged by the whole characters beside them, so nothing that a script has is out of reach.

    Args:
        scripts: Unicode's names, such as ``Cyrillic``.
        tokenizer: the model's.
        num_text_tokens: its first tokens, those before ``<|endoftext|>``.
    """
    own = "".join(rf"\p{{Script={script}}}" for script in (*scripts, "Common", "Inherited"))
    foreign_letter = regex.compile(rf"[\p{{L}}\p{{M}}--[{own}]]", regex.VERSION1)
    one_by_one = [[token] for token in range(num_text_tokens)]
    texts = tokenizer.decode_batch(one_by_one, skip_special_tokens=False)
    return [token for token, text in enumerate(texts) if not foreign_letter.search(text)]
