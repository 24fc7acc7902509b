"""Segment a long recording that has a transcript without times: cut at pauses, assign the words."""

import io
import sys
from collections.abc import Callable, Sequence

from asr.alignment.word_assignment import assign_words
from asr.audio.decoding import decode
from asr.audio.params import SilenceParams
from asr.audio.silence import cut_at_silences
from asr.audio.stream import UndecodableError
from asr.corpora.recording import Recording, Segment
from asr.utterances.waveform import SAMPLE_RATE, Waveform

Transcribe = Callable[[Sequence[Waveform]], Sequence[str]]
# No codec of speech takes less: Opus at 6 kbit/s.
_MIN_BYTES_A_SECOND = 750


def long_waveform(
    recording: Recording, longer_than_s: float, max_input_s: float
) -> Waveform | None:
    """The waveform of a recording that is too long and has no times; None for any other.

    Args:
        recording: of a corpus.
        longer_than_s: the longest clip that needs no times.
        max_input_s: a longer recording is not decoded.
    """
    if recording.segments or recording.fault or not recording.text:
        return None
    if recording.channel == "each" or len(recording.audio) < longer_than_s * _MIN_BYTES_A_SECOND:
        return None
    audio = bytes(recording.audio)
    if not _may_be_longer(audio, longer_than_s):
        return None
    try:
        waveform = decode(audio, max_input_s, recording.channel).waveform
    except UndecodableError as error:
        print(f"{recording.file}: {error}", file=sys.stderr)
        return None
    return waveform if len(waveform) > longer_than_s * SAMPLE_RATE else None


def _may_be_longer(audio: bytes, longer_than_s: float) -> bool:
    """False if the header says no: decoding a corpus of short clips again would take an hour."""
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(audio)) as file:
            frames = int(file.frames)
            return frames <= 0 or frames > longer_than_s * float(file.samplerate)
    except soundfile.SoundFileError:
        return True  # PyAV decodes more formats


def timed_segments(
    waveform: Waveform,
    transcript: str,
    transcribe: Transcribe,
    max_piece_s: float,
    params: SilenceParams,
) -> tuple[Segment, ...]:
    """Cut the recording into segments without gaps; assign each its words and a confidence.

    Args:
        waveform: of the whole recording.
        transcript: of the whole recording.
        transcribe: returns a hypothesis for each piece; a rough one suffices.
        max_piece_s: length of the longest segment, in seconds.
        params: defines silence.
    """
    pieces = cut_at_silences(waveform, max_piece_s, params)
    hypotheses = transcribe([waveform[start:end] for start, end in pieces])
    return tuple(
        Segment(start / SAMPLE_RATE, end / SAMPLE_RATE, words.text, round(words.confidence, 3))
        for (start, end), words in zip(pieces, assign_words(transcript, hypotheses), strict=True)
    )
