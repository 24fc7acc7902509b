"""Tokens of given scripts: of Whisper's 50 257, 42 000 are Latin and 3 000 Cyrillic."""

from collections.abc import Sequence

import regex
from tokenizers import Tokenizer

from asr.families.whisper.tokens import tokens_without_text


def tokens_of_scripts(
    scripts: Sequence[str], tokenizer: Tokenizer, end: int, no_timestamps: int
) -> list[int]:
    """Ids of the text tokens without a letter of any other script, in ascending order.

    Digits, punctuation and inherited combining marks belong to every script. Of a token that holds
    parts of characters, only the complete characters are checked: every character of the scripts
    stays possible.

    Args:
        scripts: Unicode script names, such as ``Cyrillic``.
        tokenizer: the tokenizer of the model.
        end: id of ``<|endoftext|>``; all tokens before it are text.
        no_timestamps: id of ``<|notimestamps|>``; tokens after it are text if somebody added them.
    """
    own = "".join(rf"\p{{Script={script}}}" for script in (*scripts, "Common", "Inherited"))
    foreign_letter = regex.compile(rf"[\p{{L}}\p{{M}}--[{own}]]", regex.VERSION1)
    text_ids = text_tokens_of(tokenizer, end, no_timestamps)
    texts = tokenizer.decode_batch([[token] for token in text_ids], skip_special_tokens=False)
    return [
        token
        for token, text in zip(text_ids, texts, strict=True)
        if not foreign_letter.search(text)
    ]


def text_tokens_of(tokenizer: Tokenizer, end: int, no_timestamps: int) -> list[int]:
    """Ids of all text tokens: those before ``end``, and added ones that are no timestamps."""
    size = tokenizer.get_vocab_size()
    without_text = set(tokens_without_text(tokenizer, no_timestamps, size))
    added = set(range(no_timestamps + 1, size)) - without_text
    return [*range(end), *sorted(added)]
