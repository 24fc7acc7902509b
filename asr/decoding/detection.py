"""What some models say of a clip beside its text: its language, and the times of its sentences.

A family that can offers ``open_detector`` in its ``decoding`` role, as Whisper and Qwen3-ASR do.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from asr.decoding.detection_rows import Detection, TimedText
from asr.decoding.params import DecodeParams
from asr.devices.params import MachineParams
from asr.families.protocols import family_module
from asr.features.batching import Seconds, batches_by_length
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Clips, Waveform

BATCH_SECONDS = 60.0  # of computed audio


class Detector(Protocol):
    """A model that names the language of clips."""

    def language_seconds(self, duration_s: float) -> float:
        """Seconds of audio that the model computes to name the language of a clip."""

    def languages(
        self, waveforms: Sequence[Waveform], utterances: Sequence[Utterance], context_s: float
    ) -> list[str | None]:
        """The language of each clip as ISO 639 code; None if the model names none.

        The utterances' own languages are no hint. They only choose among codes of one language:
        where the model has ``no`` for ``nb``, it is the utterance's.
        """


@runtime_checkable
class WritesTimestamps(Protocol):
    """A detector whose model can write timestamps."""

    def timed_texts(
        self,
        waveforms: Sequence[Waveform],
        utterances: Sequence[Utterance],
        context_s: float,
        budgets: Sequence[int],
    ) -> list[TimedText]:
        """Decode clips with timestamps; the arguments are those of ``Engine.transcribe``."""


def open_detector(
    family: str, model: Path, machine: MachineParams, decode: DecodeParams, own: Any
) -> Detector | None:
    """Load the model in a folder to detect with; None if models of the family name no language."""
    opens: Callable[..., Detector | None] | None = getattr(
        family_module(family, "decoding"), "open_detector", None
    )
    return opens(model, machine, decode, own) if opens else None


def detect_languages(
    detector: Detector, waveforms: Clips, utterances: Sequence[Utterance]
) -> list[Detection]:
    """Name the language of each utterance, in their order."""
    found: dict[int, str | None] = {}
    durations_s = [one.duration_s for one in utterances]
    for batch in batches_by_length(durations_s, detector.language_seconds, BATCH_SECONDS):
        clips = [waveforms[index] for index in batch.indices]
        chosen = [utterances[index] for index in batch.indices]
        named = detector.languages(clips, chosen, batch.context_s)
        found |= dict(zip(batch.indices, named, strict=True))
    return [
        Detection(id=one.id, language=found[index], timed=None)
        for index, one in enumerate(utterances)
    ]


def write_timestamps(
    detector: WritesTimestamps,
    waveforms: Clips,
    utterances: Sequence[Utterance],
    seconds: Seconds,
    budget: Callable[[Utterance], int],
) -> list[Detection]:
    """Decode each utterance with timestamps, in their order."""
    found: dict[int, TimedText] = {}
    for batch in batches_by_length([u.duration_s for u in utterances], seconds, BATCH_SECONDS):
        clips = [waveforms[index] for index in batch.indices]
        chosen = [utterances[index] for index in batch.indices]
        budgets = [budget(one) for one in chosen]
        texts = detector.timed_texts(clips, chosen, batch.context_s, budgets)
        found |= dict(zip(batch.indices, texts, strict=True))
    return [
        Detection(id=one.id, language=None, timed=found[index])
        for index, one in enumerate(utterances)
    ]
