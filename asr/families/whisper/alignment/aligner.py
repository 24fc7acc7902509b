"""Score the times of a text by the attention of Whisper's decoder, which is forced to write it."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from asr.alignment.attention import scores_of_attention
from asr.alignment.letters import Units, letter_units, word_probabilities, word_units
from asr.alignment.params import AlignParams
from asr.alignment.unit_scores import UnitScores
from asr.families.whisper.model.model import encode, load
from asr.families.whisper.tokens import prompt_tokens
from asr.families.whisper.window import MAX_DURATION_S, context_s
from asr.features.log_mel import frames_of, log_mel
from asr.utterances.waveform import SAMPLE_RATE, Waveform

FRAME_S = 0.02  # of an encoder position
_MARGIN_S = 1.0  # enough even for a base model: a forced decoder can't loop


class WhisperAligner:
    """A model in torch; see ``asr.alignment.unit_scores.Aligner``."""

    def __init__(self, folder: Path, device: torch.device, params: AlignParams) -> None:
        """Load a transformers folder.

        Raises:
            InputError: if it holds no Whisper model.
        """
        self._whisper, self._params = load(folder, device), params
        network: Any = self._whisper.network
        # Attention weights come from no other implementation.
        network.set_attn_implementation("eager")

    @torch.inference_mode()
    def unit_scores(self, waveform: Waveform, text: str, language: str) -> UnitScores | None:
        """See ``asr.alignment.unit_scores.Aligner``; a clip of more than 30 s has no scores."""
        duration_s = len(waveform) / SAMPLE_RATE
        if duration_s > MAX_DURATION_S:
            return None
        prompt = prompt_tokens(self._whisper.network.generation_config, language)
        pieces = word_units(text, self._tokens)
        units = letter_units(text, self._tokens)
        most = self._whisper.max_tokens - len(prompt) - 1
        if len(units.tokens) > most:
            units = pieces
        if len(units.tokens) > most or not units.spoken.any():
            return None
        frames = frames_of(context_s(duration_s, _MARGIN_S))
        mel = torch.from_numpy(log_mel([waveform], frames, self._whisper.num_mels))
        encoded = encode(self._whisper, mel.to(self._whisper.device))
        # Letter by letter the probabilities mean little: no text that it learned looks like that.
        log_probs, _ = self._force(encoded, prompt, pieces, attention=False)
        _, attention = self._force(encoded, prompt, units, attention=True)
        num_frames = min(attention.shape[-1], math.ceil(duration_s / FRAME_S))
        attention = attention[..., :num_frames]
        before, num = len(prompt) - 1, len(units.tokens)
        predicts, reads = attention[:, before : before + num], attention[:, before + 1 :][:, :num]
        scores = scores_of_attention(
            predicts, reads, self._params.num_heads, self._params.smooth_frames
        )
        kept = units.spoken
        probabilities = word_probabilities(log_probs, pieces)
        return UnitScores(scores[kept], units.words[kept], FRAME_S, probabilities)

    def _tokens(self, piece: str) -> list[int]:
        return self._whisper.tokenizer.encode(piece, add_special_tokens=False).ids

    def _force(
        self, encoded: torch.Tensor, prompt: list[int], units: Units, *, attention: bool
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32]]:
        """Log-probability of each token, and attention of shape (heads, positions, frames)."""
        network: Any = self._whisper.network
        inputs = torch.tensor([[*prompt, *units.tokens]], device=self._whisper.device)
        found = network.model.decoder(
            input_ids=inputs,
            encoder_hidden_states=encoded,
            output_attentions=attention,
            use_cache=False,
        )
        if attention:
            return np.zeros(0), torch.cat(found.cross_attentions, 1)[0].float().cpu().numpy()
        hidden = found.last_hidden_state[0, len(prompt) - 1 : -1]
        tokens = torch.tensor(units.tokens, device=hidden.device)
        log_probs = network.proj_out(hidden).float().log_softmax(-1).gather(1, tokens[:, None])
        return log_probs[:, 0].double().cpu().numpy(), np.zeros((0, 0, 0), np.float32)
