"""The utterances that the tuned model hears worst, with their sound."""

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
    """What one model made of an utterance: its score, and the words against the reference's."""

    scored: Scored
    words: list[Word]


@dataclass(frozen=True)
class Example:
    """One utterance to look at and hear."""

    utterance: Utterance
    reference: str
    audio: str
    spectrogram: str
    base: ModelResult
    tuned: ModelResult


def worst_examples(
    base: Sequence[Scored], tuned: Sequence[Scored], prepared: Path, most: int
) -> list[Example]:
    """The utterances with most word errors in ``tuned``, then with most character errors.

    Args:
        base: the base model's scores.
        tuned: the tuned model's, of the same utterances in the same order.
        prepared: the folder of the prepared folders.
        most: examples at most; what was heard without an error is none.

    Raises:
        InputError: if the audio is missing or another's.
    """
    pairs = [(a, b) for a, b in zip(base, tuned, strict=True) if b.words.num_errors]
    pairs.sort(key=lambda pair: _badness(pair[1]))
    pairs = pairs[:most]
    waveforms = read_waveforms(prepared, [after.utterance for _, after in pairs])
    return [
        Example(
            utterance=after.utterance,
            reference=after.reference,
            audio=audio_uri(waveform),
            spectrogram=spectrogram_uri(waveform),
            base=_heard(before),
            tuned=_heard(after),
        )
        for (before, after), waveform in zip(pairs, waveforms, strict=True)
    ]


def audio_uri(waveform: Waveform) -> str:
    """A ``data:`` URI of FLAC: lossless, half of WAV's bytes, played by browsers since 2017."""
    file = io.BytesIO()
    soundfile.write(file, to_int16(waveform), SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return f"data:audio/flac;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"


def _badness(scored: Scored) -> tuple[int, int, str]:
    return -scored.words.num_errors, -scored.chars.num_errors, scored.utterance.id


def _heard(scored: Scored) -> ModelResult:
    return ModelResult(scored, word_diff(scored.reference, scored.hypothesis))
