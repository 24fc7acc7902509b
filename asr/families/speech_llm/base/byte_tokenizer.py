"""A tokenizer for a random language model, to try the family without a download."""

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from asr.families.speech_llm.tokens import END, END_OF_TEXT, START


def byte_tokenizer() -> Tokenizer:
    """A tokenizer that spells text byte by byte, with the tokens of the chat form."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate(alphabet)}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = [AddedToken(token, special=True) for token in (END_OF_TEXT, START, END)]
    tokenizer.add_special_tokens(special)
    return tokenizer
