"""The language that Qwen3-ASR names, if its prompt ends before ``language Hebrew<asr_text>``."""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch

from asr.families.qwen3_asr.model.model import embeddings, features, load
from asr.families.qwen3_asr.tokens import (
    AFTER_AUDIO,
    AUDIO,
    BEFORE_AUDIO,
    END_OF_TEXT,
    MOST_NAME_TOKENS,
    TRANSCRIPT,
)
from asr.families.qwen3_asr.window import computed_seconds
from asr.generation.causal_lm import CausalLm, mask_of_lengths, right_padded
from asr.generation.search import Limits, greedy_search
from asr.utterances.language import language_name
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Waveform

_NAMED = re.compile(r"\s*language (\w[\w ]*)")


class Qwen3AsrDetector:
    """A Qwen3-ASR in torch."""

    def __init__(self, folder: Path, device: torch.device, precision: torch.dtype) -> None:
        """Load a transformers folder.

        Raises:
            InputError: if it holds no Qwen3-ASR.
        """
        self._model = load(folder, device, precision)

    def language_seconds(self, duration_s: float) -> float:
        """Whole seconds."""
        return computed_seconds(duration_s)

    @torch.inference_mode()
    def languages(
        self, waveforms: Sequence[Waveform], utterances: Sequence[Utterance], context_s: float
    ) -> list[str | None]:
        """The language that the model writes before its transcript."""
        model, tokens, network = self._model, self._model.tokens, self._model.network
        heard = features(model, waveforms, context_s)
        before, after = (
            tokens.tokenizer.encode(text, add_special_tokens=False).ids
            for text in (BEFORE_AUDIO, AFTER_AUDIO)
        )
        prompts = [[*before, *[tokens.id(AUDIO)] * num, *after] for num in heard.num_tokens]
        inputs = right_padded(prompts, tokens.id(END_OF_TEXT)).to(model.device)
        decoder = CausalLm(
            network.model.language_model,
            network.lm_head,
            embeddings(network, inputs, heard),
            mask_of_lengths([len(prompt) for prompt in prompts], model.device),
        )
        ends = [*tokens.ends, tokens.id(TRANSCRIPT)]
        limits = Limits(ends, [MOST_NAME_TOKENS] * len(prompts))
        return [
            _code(tokens.text(one.tokens), utterance.language)
            for one, utterance in zip(greedy_search(decoder, limits), utterances, strict=True)
        ]


def _code(written: str, own: str) -> str | None:
    """The code of ``language Hebrew``; ``own`` if it has that name."""
    match = _NAMED.match(written)
    if match is None:
        return None
    return own if match[1] == language_name(own) else _code_of_name(match[1])


@cache
def _code_of_name(name: str) -> str | None:
    import langcodes  # takes 0.1 s

    try:
        code: str | None = langcodes.find(name).language
    except LookupError:
        return None
    return code
