"""Decoding by CTranslate2, fed with no more frames than a clip has.

faster-whisper stands on the same library and feeds it 30 s whatever the clip; nothing in the
library asks for that.
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

# Seconds of audio that the encoder computes at a time on a core: of more, what a layer computes
# leaves the core's cache and is held in memory. The decoder, which reads all of its weights for
# each token, gains by more clips at a time.
ENCODED_S = 5.0


class Ctranslate2Engine:
    """A model in CTranslate2; on the CPU each worker has a core and batches of its own.

    203 clips of 1.4 s cost a quarter to a third less CPU than with two cores to each batch, and the
    text does not depend on how many cores the machine has.
    """

    def __init__(
        self,
        folder: Path,
        device: str,
        params: DecodeParams,
        scripts: Sequence[str],
        num_threads: int,
    ) -> None:
        """Convert a plain transformers folder and load what comes out.

        Raises:
            InputError: if CTranslate2 can't use the device or the precision on it, or the folder
                holds no Whisper model.
        """
        if device not in ("cpu", "cuda"):
            raise InputError(
                f"whisper.decode.engine: ctranslate2 runs on cpu and cuda, machine.device is "
                f"{device}: choose auto or torch"
            )
        supported = ctranslate2.get_supported_compute_types(device)
        if params.precision not in supported:
            raise InputError(
                f"decode.precision: on this {device} CTranslate2 has "
                f"{', '.join(sorted(supported))}, got {params.precision}"
            )
        self.device = device
        self.num_workers = num_threads if device == "cpu" else 1
        self._num_beams = params.num_beams
        try:
            self._whisper = load_ctranslate2(
                folder, device, params.precision, self.num_workers, scripts
            )
        except RuntimeError as error:  # a CUDA library that it lacks
            raise InputError(f"whisper.decode.engine: ctranslate2 on {device}: {error}") from error
        self._rows = {token: row for row, token in enumerate(self._whisper.tokens)}

    def transcribe(
        self,
        waveforms: Sequence[Waveform],
        utterances: Sequence[Utterance],
        context_s: float,
        budgets: Sequence[int],
    ) -> list[Hypothesis]:
        """Hypotheses of one batch, in order; arguments as in ``transcribe_greedily``."""
        whisper = self._whisper
        prompts = [prompt_tokens(whisper.about, u.language) for u in utterances]
        most = whisper.about.max_target_positions - len(prompts[0])
        budgets = [min(budget, most) for budget in budgets]
        found = whisper.model.generate(
            self._encoded(waveforms, context_s),
            [[self._rows[token] for token in prompt] for prompt in prompts],
            beam_size=self._num_beams,
            # Half of it is the prompt's by CTranslate2's count, whatever the prompt's length.
            max_length=2 * max(*budgets, len(prompts[0])),
            suppress_tokens=whisper.suppressed,
            return_scores=True,
        )
        end = whisper.about.eos_token_id
        hypotheses = []
        for utterance, budget, result in zip(utterances, budgets, found, strict=True):
            (rows,), (score,) = result.sequences_ids, result.scores
            tokens = [whisper.tokens[row] for row in rows]
            # The library leaves the end token out of the text, and of the mean's divisor.
            if len(tokens) < budget:
                found_tokens, log_prob = [*tokens, end], score * len(tokens)
            else:
                found_tokens, log_prob = tokens[:budget], score * budget
            hypotheses.append(
                hypothesis_of(whisper.tokenizer, end, utterance, found_tokens, log_prob)
            )
        return hypotheses

    def _encoded(self, waveforms: Sequence[Waveform], context_s: float) -> ctranslate2.StorageView:
        """The encoder's output for a batch, shape (clips, positions, width)."""
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
