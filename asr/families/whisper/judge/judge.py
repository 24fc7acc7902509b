"""Score how well transcripts fit clips with a Whisper that was not trained on these clips.

Each clip is encoded once, then any number of transcripts is scored against it: CTranslate2's
``align`` returns the probability of each token of a given text. On the CPU, int8 is two to three
times as fast as float32 in torch. The audit only ranks transcripts, so int8 is precise enough.

The three steps take batches of different sizes, each the fastest for it on one core (clips of 1.4 s
with a margin of 4 s): the encoder's activations must fit the core's cache; a text's probabilities
are 51 865 numbers a token, and texts of one length need no padding; the search for the hypothesis
reads all weights of the decoder for each token, so it takes all clips at once.

Tried, and left out: to encode only half a second of silence after a clip, and to take the output
for the rest from another clip of the batch, is 1.6 times as fast, but finds 64 faults instead of 47
in the Bulgarian starter corpus. With ``audit.margin_s`` 2 the same faults are found, but of 160
Russian hypotheses 12 run away instead of 5.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import ctranslate2
import numpy as np
import numpy.typing as npt

from asr.audit.listening import JudgeResult
from asr.core.errors import InputError
from asr.families.whisper.runtime.ctranslate2_model import load_ctranslate2
from asr.families.whisper.tokens import prompt_tokens, text_tokens
from asr.utterances.waveform import SAMPLE_RATE, Waveform

ENCODED_S = 16.0  # seconds of audio per encoder call on the CPU; with 40 it takes a sixth longer
NUM_PAIRS = 6  # clips with a text per call of ``align`` on the CPU
_MIN_PROBABILITY = 1e-12  # the logarithm of 0 is not finite

T = TypeVar("T")
Encoded = npt.NDArray[np.float32]  # shape (num_clips, num_positions, d_model)


class WhisperJudge:
    """A model in CTranslate2; on the CPU each worker scores its own batches on one core."""

    def __init__(self, folder: Path, precision: str, num_threads: int, device: str) -> None:
        """Convert a transformers folder and load the result.

        Raises:
            InputError: if CTranslate2 can't use the device, or the folder holds no Whisper model.
        """
        self._folder = folder
        self._on_gpu = device == "cuda"
        self.num_workers = 1 if self._on_gpu else num_threads
        if self._on_gpu and precision == "int8":
            precision = "float16"  # as precise, and a GPU computes it at least as fast
        try:
            self._whisper = load_ctranslate2(folder, device, precision, self.num_workers)
            if self._on_gpu:  # CTranslate2 loads most CUDA libraries when it first needs them
                self._encoded([np.zeros(SAMPLE_RATE, np.float32)], 1.0)
        except (RuntimeError, ValueError) as error:
            raise InputError(
                f"machine.device: the judge can't use {device}: {error}; expected CTranslate2's "
                "CUDA libraries, or machine.device cpu"
            ) from error
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
        encoded = self._encoded(waveforms, context_s)
        fits = self._fits(encoded, language, texts)
        prompt = prompt_tokens(whisper.config, language)
        view = ctranslate2.StorageView.from_array(encoded)
        found = whisper.model.generate(
            view,
            [prompt] * len(waveforms),
            beam_size=1,
            # CTranslate2 reserves half of max_length for the prompt.
            max_length=2 * min(max(*budgets, len(prompt)), self._max_tokens),
            suppress_tokens=whisper.suppressed,
            return_no_speech_prob=True,
        )
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
                fits, hypotheses, found, self._languages(view, language, prompt), strict=True
            )
        ]

    def _languages(self, encoded: Any, language: str, prompt: Sequence[int]) -> list[str]:
        """The most likely language of each clip."""
        whisper = self._whisper
        # CTranslate2 infers it from the size of the vocabulary, which added tokens change.
        if not (whisper.config.is_multilingual and whisper.model.is_multilingual):
            return [language] * encoded.shape[0]
        own = whisper.config.lang_to_id
        likeliest = [ranked[0][0] for ranked in whisper.model.detect_language(encoded)]
        # ``jv`` and ``jw`` are the same token.
        return [
            language if own.get(token) == prompt[1] else token.strip("<|>") for token in likeliest
        ]

    def _encoded(self, waveforms: Sequence[Waveform], context_s: float) -> Encoded:
        num_clips = len(waveforms) if self._on_gpu else max(1, int(ENCODED_S // context_s))
        parts = []
        for part in _parts(waveforms, num_clips):
            mel = ctranslate2.StorageView.from_array(self._whisper.log_mel(part, context_s))
            parts.append(np.array(self._whisper.model.encode(mel, to_cpu=True), dtype=np.float32))
        return np.concatenate(parts)

    def _fits(
        self, encoded: Encoded, language: str, texts: Sequence[Sequence[str]]
    ) -> list[list[list[float]]]:
        """Log-probability of each token, by clip and text."""
        whisper = self._whisper
        pairs = [
            (text_tokens(whisper.tokenizer, text)[: self._max_tokens], row, place)
            for row, clip_texts in enumerate(texts)
            for place, text in enumerate(clip_texts)
        ]
        pairs.sort(key=lambda pair: len(pair[0]))
        # `align` appends <|notimestamps|> itself.
        start = prompt_tokens(whisper.config, language)[:-1]
        fits: list[list[list[float]]] = [[[] for _ in clip_texts] for clip_texts in texts]
        for part in _parts(pairs, len(pairs) if self._on_gpu else NUM_PAIRS):
            results = whisper.model.align(
                ctranslate2.StorageView.from_array(encoded[[row for _, row, _ in part]]),
                start,
                [tokens for tokens, _, _ in part],
                [2] * len(part),  # frames to find the words' times in, which nobody asks for
                median_filter_width=1,
            )
            for (_, row, place), result in zip(part, results, strict=True):
                if not np.isfinite(result.text_token_probs).all():
                    raise InputError(
                        f"{self._folder}: expected finite probabilities of "
                        f"{texts[row][place]!r:.60}, got others: the judge's weights or "
                        "activations are not finite"
                    )
                log_probs = np.log(np.maximum(result.text_token_probs, _MIN_PROBABILITY))
                fits[row][place] = log_probs.tolist()
        return fits


def _parts(whole: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(whole), size):
        yield whole[start : start + size]
