"""Score the times of a text by the language model's attention to the projector's frames."""

from collections.abc import Sequence
from pathlib import Path

import torch

from asr.alignment.causal_lm import ForcedLm
from asr.alignment.forced_decoder import attention_unit_scores
from asr.alignment.params import AlignParams
from asr.alignment.unit_scores import UnitScores
from asr.families.speech_llm.model.inputs import audio_of, embed, inputs_of, num_stacks, project
from asr.families.speech_llm.model.model import load
from asr.families.speech_llm.tokens import prompt_tokens
from asr.families.speech_llm.window import MAX_DURATION_S
from asr.utterances.waveform import SAMPLE_RATE, Waveform

_POSITION_S = 0.02  # of the encoder, before the projector stacks them


class SpeechLlmAligner:
    """A model in torch; see ``asr.alignment.unit_scores.Aligner``."""

    def __init__(self, folder: Path, device: torch.device, params: AlignParams) -> None:
        """Load a model folder.

        Raises:
            InputError: if it holds no model of the family.
        """
        self._model, self._params = load(folder, device), params
        # No other implementation returns attention.
        self._model.language_model.set_attn_implementation("eager")

    @torch.inference_mode()
    def unit_scores(self, waveform: Waveform, text: str, language: str) -> UnitScores | None:
        """See ``asr.alignment.unit_scores.Aligner``; a clip of more than 30 s has no scores."""
        model, duration_s = self._model, len(waveform) / SAMPLE_RATE
        if duration_s > MAX_DURATION_S:
            return None
        audio = audio_of(model, [waveform])
        before, after = prompt_tokens(model.words, language)
        row = before, [0] * num_stacks(model, audio)[0], after
        inputs = inputs_of(model, [row], audio, [[]])
        decoder = ForcedLm(
            model.language_model.get_decoder(),
            model.language_model.get_output_embeddings(),
            embed(model, inputs, project(model, inputs.audio)),
            range(len(before), len(before) + len(row[1])),
            model.max_positions,
            model.joint.stack * _POSITION_S,
        )
        return attention_unit_scores(
            decoder, text, self._tokens, duration_s, self._params, starts_with_space=False
        )

    def _tokens(self, piece: str) -> Sequence[int]:
        return self._model.words.encode(piece, add_special_tokens=False).ids
