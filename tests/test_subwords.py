"""On a vocabulary that holds «лось» whole, its two halves, and all its bytes."""

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import bytes_to_unicode

from asr.families.whisper.training.subwords import SubwordDropout


def spelling(text):
    letters = bytes_to_unicode()
    return "".join(letters[byte] for byte in text.encode())


WHOLE, LEFT, RIGHT, SPACED, BROKEN = (
    spelling(" лось"), spelling(" ло"), spelling("сь"), spelling(" л"), spelling(" ло")[:-1],
)  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer():
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*alphabet, WHOLE, LEFT, RIGHT, SPACED, BROKEN, spelling("ось"), spelling("лось")]
    made = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges=[]))
    made.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=made)


def test_tokens_are_cut_between_characters_and_not_after_a_lone_space(tokenizer):
    ids = tokenizer.get_vocab()
    splits = SubwordDropout(tokenizer.backend_tokenizer).splits(ids[WHOLE])
    assert splits == [(ids[SPACED], ids[spelling("ось")]), (ids[LEFT], ids[RIGHT])]


def test_a_token_that_can_not_be_cut_stays(tokenizer):
    ids = tokenizer.get_vocab()
    assert SubwordDropout(tokenizer.backend_tokenizer).splits(ids[SPACED]) == []


def test_dropout_changes_tokens_and_never_the_text(tokenizer):
    ids, subwords = tokenizer.get_vocab(), SubwordDropout(tokenizer.backend_tokenizer)
    tokens = [ids[WHOLE]] * 100
    dropped = subwords.apply(tokens, 0.3, torch.Generator().manual_seed(1))
    assert tokenizer.decode(dropped) == tokenizer.decode(tokens)
    assert 115 < len(dropped) < 145
    assert subwords.apply(tokens, 0.0, torch.Generator().manual_seed(1)) == tokens
    assert dropped == subwords.apply(tokens, 0.3, torch.Generator().manual_seed(1))
