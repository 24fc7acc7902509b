"""Score the times of a text by the language model's attention to the audio tower's tokens."""

import math
from collections.abc import Sequence
from pathlib import Path

import torch

from asr.alignment.causal_lm import ForcedLm
from asr.alignment.forced_decoder import attention_unit_scores
from asr.alignment.params import AlignParams
from asr.alignment.unit_scores import UnitScores
from asr.families.qwen3_asr.model.model import embeddings, features, load
from asr.families.qwen3_asr.tokens import AUDIO
from asr.families.qwen3_asr.tokens.audio import TOKENS_PER_CHUNK
from asr.families.qwen3_asr.window import MAX_DURATION_S
from asr.utterances.waveform import SAMPLE_RATE, Waveform


class Qwen3AsrAligner:
    """A model in torch; see ``asr.alignment.unit_scores.Aligner``."""

    def __init__(self, folder: Path, device: torch.device, params: AlignParams) -> None:
        """Load a transformers folder.

        Raises:
            InputError: if it holds no Qwen3-ASR.
        """
        self._model, self._params = load(folder, device), params
        # No other implementation returns attention; the audio tower keeps its own.
        self._model.network.model.language_model.set_attn_implementation("eager")

    @torch.inference_mode()
    def unit_scores(self, waveform: Waveform, text: str, language: str) -> UnitScores | None:
        """See ``asr.alignment.unit_scores.Aligner``."""
        model, duration_s = self._model, len(waveform) / SAMPLE_RATE
        if duration_s > MAX_DURATION_S:
            return None
        heard = features(model, [waveform], math.ceil(duration_s))
        prompt = model.tokens.prompt(language, heard.num_tokens[0])
        first = prompt.index(model.tokens.id(AUDIO))
        decoder = ForcedLm(
            model.network.model.language_model,
            model.network.lm_head,
            embeddings(model.network, torch.tensor([prompt], device=model.device), heard),
            range(first, first + heard.num_tokens[0]),
            model.tokens.max_positions,
            1 / TOKENS_PER_CHUNK,
        )
        return attention_unit_scores(
            decoder, text, self._tokens, duration_s, self._params, starts_with_space=False
        )

    def _tokens(self, piece: str) -> Sequence[int]:
        return self._model.tokens.tokenizer.encode(piece, add_special_tokens=False).ids
