"""Decode with CTranslate2, computing no more context than the clips need.

faster-whisper uses the same library but always pads to 30 s, which the library does not require.
"""

from collections.abc import Sequence
from pathlib import Path

import ctranslate2
import numpy as np

from asr.core.errors import InputError
from asr.decoding.params import DecodeParams
from asr.families.whisper.runtime.ctranslate2_model import load_ctranslate2
from asr.families.whisper.tokens import hypothesis_of, prompt_tokens
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Waveform

# Seconds of audio per encoder call on the CPU: with more, a layer's activations no longer fit the
# cache of the core. The decoder reads all its weights for each token, so it takes larger batches.
ENCODED_S = 5.0


class Ctranslate2Engine:
    """A model in CTranslate2; on the CPU each worker decodes its own batches on one core.

    For 203 clips of 1.4 s this takes a quarter to a third less CPU time than two cores per batch,
    and the text does not depend on the number of cores.
    """

    def __init__(
        self,
        folder: Path,
        device: str,
        params: DecodeParams,
        scripts: Sequence[str],
        num_threads: int,
    ) -> None:
        """Convert a transformers folder and load the result.

        Raises:
            InputError: if CTranslate2 does not support the device or the precision, or the folder
                holds no Whisper model.
        """
        if device not in ("cpu", "cuda"):
            raise InputError(
                f"machine.device: expected cpu or cuda with whisper.decode.engine ctranslate2, "
                f"got {device}; set the engine to auto or torch"
            )
        supported = ctranslate2.get_supported_compute_types(device)
        if params.precision not in supported:
            raise InputError(
                f"decode.precision: expected one of {', '.join(sorted(supported))} "
                f"with CTranslate2 on this {device}, got {params.precision}"
            )
        self.device = device
        self.num_workers = num_threads if device == "cpu" else 1
        self._num_beams = params.num_beams
        try:
            self._whisper = load_ctranslate2(
                folder, device, params.precision, self.num_workers, scripts
            )
        except RuntimeError as error:  # CTranslate2 lacks a CUDA library
            raise InputError(f"whisper.decode.engine: ctranslate2 on {device}: {error}") from error
        self._rows = {token: row for row, token in enumerate(self._whisper.tokens)}

    def transcribe(
        self,
        waveforms: Sequence[Waveform],
        utterances: Sequence[Utterance],
        context_s: float,
        budgets: Sequence[int],
    ) -> list[Hypothesis]:
        """Transcribe one batch; see ``asr.families.protocols.Engine.transcribe``."""
        lists = self.candidates(waveforms, utterances, context_s, budgets, 1)
        return [hypotheses[0] for hypotheses in lists]

    def candidates(
        self,
        waveforms: Sequence[Waveform],
        utterances: Sequence[Utterance],
        context_s: float,
        budgets: Sequence[int],
        num: int,
    ) -> list[list[Hypothesis]]:
        """See ``asr.decoding.candidates.HasCandidates``."""
        whisper = self._whisper
        prompts = [prompt_tokens(whisper.config, u.language) for u in utterances]
        most = whisper.config.max_target_positions - len(prompts[0])
        budgets = [min(budget, most) for budget in budgets]
        found = whisper.model.generate(
            self._encoded(waveforms, context_s),
            [[self._rows[token] for token in prompt] for prompt in prompts],
            beam_size=max(self._num_beams, num),
            num_hypotheses=num,
            # CTranslate2 reserves half of max_length for the prompt, however short the prompt is.
            max_length=2 * max(*budgets, len(prompts[0])),
            suppress_tokens=whisper.suppressed,
            return_scores=True,
        )
        return [
            [
                self._hypothesis(utterance, budget, rows, score)
                for rows, score in zip(result.sequences_ids, result.scores, strict=True)
            ]
            for utterance, budget, result in zip(utterances, budgets, found, strict=True)
        ]

    def _hypothesis(
        self, utterance: Utterance, budget: int, rows: Sequence[int], score: float
    ) -> Hypothesis:
        whisper, end = self._whisper, self._whisper.config.eos_token_id
        tokens = [whisper.tokens[row] for row in rows]
        # CTranslate2's tokens and the divisor of its mean score exclude the end token.
        if len(tokens) < budget:
            kept_tokens, log_prob = [*tokens, end], score * len(tokens)
        else:
            kept_tokens, log_prob = tokens[:budget], score * budget
        return hypothesis_of(whisper.tokenizer, end, utterance, kept_tokens, log_prob)

    def _encoded(self, waveforms: Sequence[Waveform], context_s: float) -> ctranslate2.StorageView:
        """Encode a batch; shape (num_clips, num_positions, d_model)."""
        mel = self._whisper.log_mel(waveforms, context_s)
        if self.device != "cpu":
            return self._whisper.model.encode(ctranslate2.StorageView.from_array(mel))
        num_clips = max(1, int(ENCODED_S // context_s))
        parts = [
            self._whisper.model.encode(
                ctranslate2.StorageView.from_array(mel[start : start + num_clips]), to_cpu=True
            )
            for start in range(0, len(mel), num_clips)
        ]
        return ctranslate2.StorageView.from_array(np.concatenate(parts))
