"""Score the times of a text by the attention of Whisper's decoder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from asr.alignment.forced_decoder import attention_unit_scores
from asr.alignment.params import AlignParams
from asr.alignment.unit_scores import UnitScores
from asr.families.whisper.model.model import Whisper, encode, load
from asr.families.whisper.tokens import prompt_tokens
from asr.families.whisper.window import MAX_DURATION_S, context_s
from asr.features.log_mel import frames_of, log_mel
from asr.utterances.waveform import SAMPLE_RATE, Waveform

_MARGIN_S = 1.0  # enough even for a base model: a forced decoder can't loop


class WhisperAligner:
    """A model in torch; see ``asr.alignment.unit_scores.Aligner``.

    Attributes:
        whisper: the model.
    """

    def __init__(self, folder: Path, device: torch.device, params: AlignParams) -> None:
        """Load a transformers folder.

        Raises:
            InputError: if it holds no Whisper model.
        """
        self.whisper, self._params = load(folder, device), params
        network: Any = self.whisper.network
        # No other implementation returns attention.
        network.set_attn_implementation("eager")

    @torch.inference_mode()
    def unit_scores(self, waveform: Waveform, text: str, language: str) -> UnitScores | None:
        """See ``asr.alignment.unit_scores.Aligner``; a clip of more than 30 s has no scores."""
        duration_s = len(waveform) / SAMPLE_RATE
        if duration_s > MAX_DURATION_S:
            return None
        return attention_unit_scores(
            self.hear(waveform, language),
            text,
            self.tokens,
            duration_s,
            self._params,
            starts_with_space=True,
        )

    @torch.inference_mode()
    def hear(self, waveform: Waveform, language: str) -> "HeardClip":
        """Encode a clip of at most 30 s, for a decoder that texts are forced through."""
        frames = frames_of(context_s(len(waveform) / SAMPLE_RATE, _MARGIN_S))
        mel = torch.from_numpy(log_mel([waveform], frames, self.whisper.num_mels))
        encoded = encode(self.whisper, mel.to(self.whisper.device))
        prompt = prompt_tokens(self.whisper.network.generation_config, language)
        return HeardClip(self.whisper, encoded, prompt)

    def tokens(self, piece: str) -> Sequence[int]:
        """Tokens of a piece of text."""
        return self.whisper.tokenizer.encode(piece, add_special_tokens=False).ids


class HeardClip:
    """A clip and its prompt; see ``asr.alignment.forced_decoder.ForcedDecoder``."""

    frame_s = 0.02

    def __init__(self, whisper: Whisper, encoded: torch.Tensor, prompt: list[int]) -> None:
        self._network: Any = whisper.network
        self._encoded, self._prompt = encoded, prompt
        self.max_tokens = whisper.max_tokens - len(prompt)

    def log_probs(self, tokens: list[int]) -> npt.NDArray[np.float64]:
        """See ``ForcedDecoder``."""
        hidden = self._force(tokens, attention=False).last_hidden_state[0, self._first : -1]
        scores = self._network.proj_out(hidden).float().log_softmax(-1)
        chosen = scores.gather(1, torch.tensor(tokens, device=scores.device)[:, None])
        return chosen[:, 0].double().cpu().numpy()  # type: ignore[no-any-return]

    def attention(self, tokens: list[int]) -> npt.NDArray[np.float32]:
        """See ``ForcedDecoder``."""
        found = self._force(tokens, attention=True).cross_attentions
        return torch.cat(found, 1)[0, :, self._first :].float().cpu().numpy()

    @property
    def _first(self) -> int:
        """Position that predicts the first token."""
        return len(self._prompt) - 1

    def _force(self, tokens: list[int], *, attention: bool) -> Any:
        return self._network.model.decoder(
            input_ids=torch.tensor([[*self._prompt, *tokens]], device=self._encoded.device),
            encoder_hidden_states=self._encoded,
            output_attentions=attention,
            use_cache=False,
        )
