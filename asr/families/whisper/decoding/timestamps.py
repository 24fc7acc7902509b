"""Decode with timestamps, greedily, and read them.

No rule forbids a timestamp or demands one, as other tools' rules do: they would hide that a model
has lost them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers.cache_utils import DynamicCache, EncoderDecoderCache

from asr.families.whisper.model.decoder import WhisperDecoder
from asr.families.whisper.model.model import Whisper
from asr.families.whisper.tokens import SECONDS_PER_TIMESTAMP
from asr.generation.search import Limits, greedy_search
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Waveform

NUM_TIMESTAMPS = 1501  # from 0.00 to 30.00 s


@dataclass(frozen=True)
class Segment:
    """A segment as a model wrote it, in seconds."""

    start_s: float
    end_s: float
    text: str


def segments(tokens: Sequence[int], first: int, end: int, text_of: Any) -> list[Segment] | None:
    """Read a model's tokens; None if they are no row of segments in the order of time.

    Args:
        tokens: as found, ``<|0.00|> one<|1.40|><|1.62|> two<|3.00|><|endoftext|>`` if all is well.
        first: id of ``<|0.00|>``.
        end: id of the end token.
        text_of: maps text tokens to their text.
    """
    if not tokens or tokens[-1] != end:
        return None
    found: list[Segment] = []
    start_s, words, last_s = None, list[int](), 0.0
    for token in tokens[:-1]:
        if token < first:
            if start_s is None:
                return None
            words.append(token)
            continue
        at_s = round((token - first) * SECONDS_PER_TIMESTAMP, 2)
        if at_s < last_s:
            return None
        last_s = at_s
        if start_s is None:
            start_s = at_s
        elif words:
            found.append(Segment(start_s, at_s, text_of(words).strip()))
            start_s, words = None, []
        else:
            return None
    return found if found and start_s is None else None


def first_timestamp(whisper: Whisper) -> int:
    """Id of ``<|0.00|>``."""
    config: Any = whisper.network.generation_config
    return int(config.no_timestamps_token_id) + 1


def text_of(whisper: Whisper, tokens: Sequence[int]) -> str:
    """The text of found tokens, without timestamps and end token."""
    config: Any = whisper.network.generation_config
    first, end = first_timestamp(whisper), config.eos_token_id
    words = [token for token in tokens if token < first and token != end]
    text: str = whisper.tokenizer.decode(words, skip_special_tokens=False)
    return text.strip()


@torch.inference_mode()
def decode_both_ways(
    whisper: Whisper,
    waveforms: Sequence[Waveform],
    utterances: Sequence[Utterance],
    context_s: float,
    budgets: Sequence[int],
) -> tuple[list[list[int]], list[list[int]]]:
    """Tokens of each clip of a batch with timestamps, and without; it is encoded once.

    The prompt of the first ends before ``<|notimestamps|>``.
    """
    config: Any = whisper.network.generation_config
    first = first_timestamp(whisper)
    decoder = WhisperDecoder(whisper, waveforms, utterances, context_s)
    encoded, whole, always = decoder._encoded, decoder._prompts, decoder._always
    timed = always.clone()
    timed[first : first + NUM_TIMESTAMPS] = 0.0
    limits = Limits([config.eos_token_id], [min(one, decoder.max_tokens) for one in budgets])
    ways = [(whole[:, :-1], timed, timed), (whole, always, decoder._first)]
    found = []
    for prompt, mask, at_first in ways:
        decoder._encoded, decoder._prompts = encoded, prompt
        decoder._always, decoder._first = mask, at_first
        decoder._cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        found.append([one.tokens for one in greedy_search(decoder, limits)])
    return found[0], found[1]
