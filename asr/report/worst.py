"""Select the utterances on which the tuned model makes most errors, with their audio."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile

from asr.report.spectrogram import spectrogram_uri
from asr.report.word_diff import Word, word_diff
from asr.scoring.score import Scored
from asr.utterances.shards import read_waveforms
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import SAMPLE_RATE, Waveform, to_int16


@dataclass(frozen=True)
class ModelResult:
    """One model's score of an utterance, and the alignment with the reference."""

    scored: Scored
    words: list[Word]


@dataclass(frozen=True)
class Example:
    """One utterance of the page; ``audio`` and ``spectrogram`` are ``data:`` URIs."""

    utterance: Utterance
    reference: str
    audio: str
    spectrogram: str
    base: ModelResult
    tuned: ModelResult


def worst_examples(
    base: Sequence[Scored], tuned: Sequence[Scored], prepared: Path, most: int
) -> list[Example]:
    """Return the utterances with most word errors in ``tuned``, ties by character errors.

    Args:
        base: the base model's scores.
        tuned: the tuned model's scores of the same utterances in the same order.
        prepared: folder of the corpora's prepared folders.
        most: maximum number; utterances without a word error are left out.

    Raises:
        InputError: if the audio is missing or does not match the utterance.
    """
    pairs = [(a, b) for a, b in zip(base, tuned, strict=True) if b.words.num_errors]
    pairs.sort(key=lambda pair: _sort_key(pair[1]))
    pairs = pairs[:most]
    waveforms = read_waveforms(prepared, [after.utterance for _, after in pairs])
    return [
        Example(
            utterance=after.utterance,
            reference=after.reference,
            audio=audio_uri(waveform),
            spectrogram=spectrogram_uri(waveform),
            base=_model_result(before),
            tuned=_model_result(after),
        )
        for (before, after), waveform in zip(pairs, waveforms, strict=True)
    ]


def audio_uri(waveform: Waveform) -> str:
    """Return FLAC as ``data:`` URI: lossless, half of WAV's size, in browsers since 2017."""
    file = io.BytesIO()
    soundfile.write(file, to_int16(waveform), SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return f"data:audio/flac;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"


def _sort_key(scored: Scored) -> tuple[int, int, str]:
    return -scored.words.num_errors, -scored.chars.num_errors, scored.utterance.id


def _model_result(scored: Scored) -> ModelResult:
    return ModelResult(scored, word_diff(scored.reference, scored.hypothesis))
