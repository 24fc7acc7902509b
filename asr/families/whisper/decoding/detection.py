"""Language and timestamps of clips; see ``asr.decoding.detection``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from asr.decoding.detection_rows import TimedText
from asr.families.whisper.decoding.timestamps import (
    decode_both_ways,
    first_timestamp,
    segments,
    text_of,
)
from asr.families.whisper.model.model import encode, load
from asr.families.whisper.tokens.languages import language_token
from asr.families.whisper.window import context_s as context_of
from asr.features.log_mel import frames_of, log_mel
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Waveform

# A longer margin prevents loops, which a single token can't have. Of the starter run's 100 clips in
# five languages, the base model recognises 56 with 0.5 s, 57 with 2 s, and 60 with 8 s, which takes
# four times as long.
LANGUAGE_MARGIN_S = 0.5


class WhisperDetector:
    """A Whisper in torch, on any device that torch supports."""

    def __init__(self, folder: Path, device: torch.device, precision: torch.dtype) -> None:
        """Load a transformers folder.

        Raises:
            InputError: if it holds no Whisper model.
        """
        self._whisper = load(folder, device)
        network: Any = self._whisper.network
        network.to(precision)

    def language_seconds(self, duration_s: float) -> float:
        """The clip and a short margin."""
        return context_of(duration_s, LANGUAGE_MARGIN_S)

    @torch.inference_mode()
    def languages(
        self, waveforms: Sequence[Waveform], utterances: Sequence[Utterance], context_s: float
    ) -> list[str | None]:
        """The likeliest language token after the start token, as openai-whisper detects it.

        An English-only model names none.
        """
        whisper = self._whisper
        network: Any = whisper.network
        config = network.generation_config
        if not config.is_multilingual:
            return [None] * len(waveforms)
        mel = torch.from_numpy(log_mel(waveforms, frames_of(context_s), whisper.num_mels))
        encoded = encode(whisper, mel.to(whisper.device, network.dtype))
        start = torch.full((len(waveforms), 1), config.decoder_start_token_id)
        hidden = network.model.decoder(
            input_ids=start.to(whisper.device), encoder_hidden_states=encoded
        ).last_hidden_state
        keys = [key for key in config.lang_to_id if key.startswith("<|")]
        ids = torch.tensor([config.lang_to_id[key] for key in keys], device=whisper.device)
        best = network.proj_out(hidden[:, -1]).float()[:, ids].argmax(-1).tolist()
        return [
            _code(keys[index], one.language, config.lang_to_id)
            for index, one in zip(best, utterances, strict=True)
        ]

    def timed_texts(
        self,
        waveforms: Sequence[Waveform],
        utterances: Sequence[Utterance],
        context_s: float,
        budgets: Sequence[int],
    ) -> list[TimedText]:
        """Decode with timestamps, and without."""
        whisper = self._whisper
        network: Any = whisper.network
        first, end = first_timestamp(whisper), network.generation_config.eos_token_id
        found = []
        for timed, plain in zip(
            *decode_both_ways(whisper, waveforms, utterances, context_s, budgets), strict=True
        ):
            rows = segments(timed, first, end, lambda words: text_of(whisper, words))
            times = None if rows is None else [(row.start_s, row.end_s) for row in rows]
            found.append(TimedText(text_of(whisper, timed), text_of(whisper, plain), times))
        return found


def _code(key: str, own: str, tokens: dict[str, int]) -> str:
    """The utterance's own code if its token is the one that was found."""
    token = language_token(own, tokens)
    same = token is not None and tokens[token] == tokens[key]
    return own if same else key.strip("<|>")
