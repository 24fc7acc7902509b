"""Score how well transcripts fit clips with a Whisper that was not trained on these clips.

Each clip is encoded once, then any number of transcripts is scored against it: CTranslate2's
``align`` returns the probability of each token of a given text. On the CPU, int8 is two to three
times as fast as float32 in torch. The audit only ranks transcripts, so int8 is precise enough.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np

from asr.audit.listening import JudgeResult
from asr.core.errors import InputError
from asr.families.whisper.runtime.ctranslate2_model import load_ctranslate2
from asr.families.whisper.tokens import prompt_tokens, text_tokens
from asr.features.log_mel import FRAMES_PER_S
from asr.utterances.waveform import SAMPLE_RATE, Waveform

_MIN_PROBABILITY = 1e-12  # the logarithm of 0 is not finite


class WhisperJudge:
    """A model in CTranslate2; each worker scores its own batches on one core."""

    def __init__(self, folder: Path, precision: str, num_threads: int) -> None:
        """Convert a transformers folder and load the result.

        Raises:
            InputError: if the folder holds no Whisper model.
        """
        self.num_workers, self._folder = num_threads, folder
        self._whisper = load_ctranslate2(folder, "cpu", precision, num_threads)
        # Decoder positions that the longest prompt and the end token leave free.
        self._max_tokens = self._whisper.config.max_target_positions - 5

    def score_clips(
        self,
        waveforms: Sequence[Waveform],
        language: str,
        context_s: float,
        texts: Sequence[Sequence[str]],
        budgets: Sequence[int],
    ) -> list[JudgeResult]:
        """Transcribe clips and score texts against them; see ``asr.families.protocols.Judge``."""
        whisper = self._whisper
        mel = whisper.log_mel(waveforms, context_s)
        encoded = whisper.model.encode(ctranslate2.StorageView.from_array(mel), to_cpu=True)
        fits = self._fits(encoded, waveforms, language, texts)
        prompt = prompt_tokens(whisper.config, language)
        found = whisper.model.generate(
            encoded,
            [prompt] * len(waveforms),
            beam_size=1,
            # CTranslate2 reserves half of max_length for the prompt.
            max_length=2 * min(max(*budgets, len(prompt)), self._max_tokens),
            suppress_tokens=whisper.suppressed,
            return_no_speech_prob=True,
        )
        languages = [language] * len(waveforms)
        # CTranslate2 infers it from the size of the vocabulary, which added tokens change.
        if whisper.config.is_multilingual and whisper.model.is_multilingual:
            own = whisper.config.lang_to_id
            likeliest = [ranked[0][0] for ranked in whisper.model.detect_language(encoded)]
            # ``jv`` and ``jw`` are the same token.
            languages = [
                language if own.get(token) == prompt[1] else token.strip("<|>")
                for token in likeliest
            ]
        tokens = [
            result.sequences_ids[0][:budget] for result, budget in zip(found, budgets, strict=True)
        ]
        hypotheses = whisper.tokenizer.decode_batch(tokens, skip_special_tokens=False)
        return [
            JudgeResult(
                log_probs=fit,
                hypothesis=hypothesis.strip(),
                no_speech_prob=result.no_speech_prob,
                language=likeliest_language,
            )
            for fit, hypothesis, result, likeliest_language in zip(
                fits, hypotheses, found, languages, strict=True
            )
        ]

    def _fits(
        self,
        encoded: Any,
        waveforms: Sequence[Waveform],
        language: str,
        texts: Sequence[Sequence[str]],
    ) -> list[list[list[float]]]:
        """Log-probability of each token, by clip and text."""
        pairs = [(row, text) for row, clip_texts in enumerate(texts) for text in clip_texts]
        rows = [row for row, _ in pairs]
        frames = [max(2, len(waveforms[row]) * FRAMES_PER_S // SAMPLE_RATE) for row in rows]
        # `align` appends <|notimestamps|> itself.
        start = prompt_tokens(self._whisper.config, language)[:-1]
        results = self._whisper.model.align(
            ctranslate2.StorageView.from_array(np.ascontiguousarray(np.array(encoded)[rows])),
            start,
            [text_tokens(self._whisper.tokenizer, text)[: self._max_tokens] for _, text in pairs],
            frames,
        )
        fits: list[list[list[float]]] = [[] for _ in texts]
        for row, result in zip(rows, results, strict=True):
            if not np.isfinite(result.text_token_probs).all():
                raise InputError(
                    f"{self._folder}: expected finite probabilities of {texts[row][0]!r:.60}, got "
                    "others: the judge's weights or activations are not finite"
                )
            fits[row].append(np.log(np.maximum(result.text_token_probs, _MIN_PROBABILITY)).tolist())
        return fits
