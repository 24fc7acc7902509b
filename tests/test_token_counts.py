# python -m pytest tests/test_token_counts.py
import random

import pytest
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

from asr.families.whisper.tokens import text_tokens, token_counter
from tests.sentences import SENTENCES

ODD = [
    "",
    "…",
    "a  b",
    " a b ",
    "a\tb",
    "a b\n",
    "<|en|> b",
    "it 's 's it's",
    "don't 'twas",
    "3 000",
    "x\u00a0y 5 %",
    "\u3000x",
    "1 000 — «x»",
    "e\u0301 \u0301a",
    "日本 語",
    "a\u200bb \u200b",
    "\x1f a",
]


@pytest.fixture(scope="module")
def tokenizer():
    """Byte by byte, but for some pairs that are joined, a space and a letter among them."""
    pairs = [("Ġ", "a"), ("a", "b"), ("Ġa", "b"), ("'", "s"), ("Ġ", "'"), ("Ġ", "Ġ"), ("Ð", "°")]
    alphabet = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *("".join(pair) for pair in pairs)]
    made = Tokenizer(models.BPE({token: i for i, token in enumerate(alphabet)}, merges=pairs))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.add_special_tokens([AddedToken("<|en|>", rstrip=True)])
    return made


def test_tokens_counted_word_by_word_are_as_many_as_those_of_the_text(tokenizer):
    count, rng = token_counter(tokenizer), random.Random(1)
    drawn = ["".join(rng.choices(" ab's.5,да\u0301\t\n-—%<|", k=12)) for _ in range(2000)]
    for text in [*ODD, *SENTENCES.values(), *drawn]:
        assert count(text) == len(text_tokens(tokenizer, text)), text
