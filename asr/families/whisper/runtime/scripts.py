"""Tokens of given scripts: of Whisper's 50 257, 42 000 are Latin and 3 000 Cyrillic."""

from collections.abc import Sequence

import regex
from tokenizers import Tokenizer


def tokens_of_scripts(
    scripts: Sequence[str], tokenizer: Tokenizer, num_text_tokens: int
) -> list[int]:
    """Ids of the text tokens without a letter of any other script, in ascending order.

    Digits, punctuation and inherited combining marks belong to every script. Of a token that holds
    parts of characters, only the complete characters are checked: every character of the scripts
    stays possible.

    Args:
        scripts: Unicode script names, such as ``Cyrillic``.
        tokenizer: the tokenizer of the model.
        num_text_tokens: number of tokens before ``<|endoftext|>``.
    """
    own = "".join(rf"\p{{Script={script}}}" for script in (*scripts, "Common", "Inherited"))
    foreign_letter = regex.compile(rf"[\p{{L}}\p{{M}}--[{own}]]", regex.VERSION1)
    one_by_one = [[token] for token in range(num_text_tokens)]
    texts = tokenizer.decode_batch(one_by_one, skip_special_tokens=False)
    return [token for token, text in enumerate(texts) if not foreign_letter.search(text)]
