"""The tokens of a training example: its prompt, and its text in the form that it learns to write.

An example is written without or with timestamps, and either may read what was said before::

    <|startoftranscript|><|be|><|transcribe|><|notimestamps|> one two
    <|startoftranscript|><|be|><|transcribe|><|0.00|> one<|1.40|><|1.62|> two<|3.00|>
    <|startofprev|> zero<|startoftranscript|><|be|><|transcribe|><|notimestamps|> one two

The prompt ends with ``<|notimestamps|>``, or before the first timestamp; it is not learned.
"""

from dataclasses import dataclass
from functools import cache

import torch
from tokenizers import Tokenizer

from asr.core.errors import InputError
from asr.families.whisper.model.model import Whisper
from asr.families.whisper.tokens import TIMESTAMP, prompt_tokens, text_tokens, timestamp_token
from asr.families.whisper.training.subwords import SubwordDropout
from asr.families.whisper.window import MAX_DURATION_S
from asr.training.augmentation.examples import ExampleUtterance, SpokenPart
from asr.training.params import SpecAugmentParams
from asr.utterances.utterance import Utterance

START_OF_PREVIOUS = "<|startofprev|>"


@dataclass(frozen=True)
class Regularization:
    """Random changes of clips and texts during training.

    Attributes:
        spec_augment: stripes of the log-mel to mask.
        token_dropout: share of the decoder's input tokens to mask.
        subword_dropout: share of the text's tokens to cut in two.
        timestamps: share of the examples to write with timestamps.
        previous_text: share of the examples to prompt with the text before them, if it is known.
    """

    spec_augment: SpecAugmentParams
    token_dropout: float
    subword_dropout: float
    timestamps: float
    previous_text: float


@dataclass(frozen=True)
class ExampleTokens:
    """Tokens of an example.

    Attributes:
        prompt: from ``<|startofprev|>`` or ``<|startoftranscript|>`` on.
        text: the tokens to write after it, timestamps included, without the end token.
        read: ``text`` as the decoder reads it: some tokens are replaced by the end token.
    """

    prompt: list[int]
    text: list[int]
    read: list[int]


def example_tokens(
    whisper: Whisper,
    utterance: Utterance,
    regularization: Regularization | None,
    generator: torch.Generator | None,
) -> ExampleTokens:
    """Tokens of an example; ``regularization`` None changes nothing and draws no numbers.

    An example whose tokens would exceed the decoder's positions is written without timestamps, and
    reads only the end of the previous text.

    Raises:
        InputError: if the transcript is longer than the decoder; names the utterance.
    """
    prompt = prompt_tokens(whisper.network.generation_config, utterance.language)
    text = text_tokens(whisper.tokenizer, utterance.text)
    if (got := len(prompt) + len(text)) > whisper.max_tokens:
        raise InputError(
            f"{utterance.id}: expected at most {whisper.max_tokens} tokens, the decoder's "
            f"positions, got {got} for {utterance.text!r:.80}"
        )
    if regularization is None or generator is None:
        return ExampleTokens(prompt, text, text)
    # A share of 0 draws nothing, so that runs without it keep their random numbers.
    timed = _is_drawn(regularization.timestamps, generator)
    prompted = _is_drawn(regularization.previous_text, generator)
    kept = frozenset[int]()
    with_times = _with_times(whisper, utterance) if timed else []
    if with_times and len(prompt) - 1 + len(with_times) <= whisper.max_tokens:
        prompt, text = prompt[:-1], with_times  # without <|notimestamps|>
        kept = frozenset(_control_ids(whisper.tokenizer).values())
    more = _subwords(whisper.tokenizer).apply(text, regularization.subword_dropout, generator)
    text = more if len(prompt) + len(more) <= whisper.max_tokens else text
    unread = torch.rand(len(text), generator=generator) < regularization.token_dropout
    end = whisper.network.generation_config.eos_token_id
    read = [end if u and t not in kept else t for t, u in zip(text, unread, strict=True)]
    if prompted and isinstance(utterance, ExampleUtterance) and utterance.previous_text:
        prompt = _before(whisper, utterance.previous_text, len(prompt) + len(text)) + prompt
    return ExampleTokens(prompt, text, read)


def check_tokens(whisper: Whisper, regularization: Regularization) -> None:
    """Check that the tokenizer has the tokens that the shares above need.

    Raises:
        InputError: if one is missing; names the param.
    """
    longest = timestamp_token(MAX_DURATION_S)
    for share, key, token in (
        (regularization.timestamps, "timestamps", longest),
        (regularization.previous_text, "previous_text", START_OF_PREVIOUS),
    ):
        if share and token not in _control_ids(whisper.tokenizer):
            raise InputError(
                f"whisper.train.{key}.share: expected 0, since the tokenizer has no {token}, "
                f"got {share}"
            )


def _is_drawn(share: float, generator: torch.Generator) -> bool:
    return bool(share) and bool(torch.rand((), generator=generator) < share)


def _with_times(whisper: Whisper, utterance: Utterance) -> list[int]:
    """The parts of an example, each between its times."""
    whole = SpokenPart(0.0, utterance.duration_s, utterance.text)
    parts = utterance.parts if isinstance(utterance, ExampleUtterance) else (whole,)
    ids, tokens = _control_ids(whisper.tokenizer), list[int]()
    for part in parts:
        tokens.append(ids[timestamp_token(part.start_s)])
        tokens += text_tokens(whisper.tokenizer, part.text)
        tokens.append(ids[timestamp_token(part.end_s)])
    return tokens


def _before(whisper: Whisper, previous: str, num_tokens: int) -> list[int]:
    """``<|startofprev|>`` and the end of the previous text.

    Together they take at most half of the decoder's positions, 224, as in openai/whisper, and what
    the example's own ``num_tokens`` leave free.
    """
    room = min(whisper.max_tokens // 2, whisper.max_tokens - num_tokens) - 1
    if room <= 0:
        return []
    start = _control_ids(whisper.tokenizer)[START_OF_PREVIOUS]
    return [start, *text_tokens(whisper.tokenizer, previous)[-room:]]


@cache
def _control_ids(tokenizer: Tokenizer) -> dict[str, int]:
    """``<|startofprev|>`` and the timestamps, as far as the tokenizer has them."""
    return {
        token: i
        for token, i in tokenizer.get_vocab().items()
        if token == START_OF_PREVIOUS or TIMESTAMP.fullmatch(token)
    }


@cache
def _subwords(tokenizer: Tokenizer) -> SubwordDropout:
    return SubwordDropout(tokenizer)
