"""Screening: a recording becomes utterances worth learning from, or rejects with their reasons.

A recording is screened by itself, from its bytes, what its source says of it and the params alone.
So recordings can be screened on any worker in any order, and outcomes can be stored. What depends
on other recordings, such as duplicates, is decided in ``asr/preparation/corpus.py``.

Every worker process imports this module, so it imports little.
"""

import hashlib
from dataclasses import dataclass, field, replace
from typing import TypedDict

import numpy as np

from asr.audio.decoding import Decoded, TooLongError, decode
from asr.audio.silence import silence_share, trim_bounds
from asr.audio.snr import snr_db
from asr.audio.stream import UndecodableError
from asr.corpora.recording import Recording
from asr.preparation.params import PrepareParams
from asr.preparation.rejects import Reason
from asr.preparation.repairs import repaired
from asr.preparation.stretches import Stretch, stretches
from asr.text.sentence import has_digits, sentence_key
from asr.utterances.waveform import SAMPLE_RATE, Waveform, peak_dbfs, to_int16

_EDGE_SAMPLES = SAMPLE_RATE // 50  # where a filter or codec rings when a constant begins or ends


class Facts(TypedDict):
    """What was measured of a recording's whole file, for its inventory; JSON as it is.

    Attributes:
        duration_s: in seconds.
        format: by content, ``WAV``, ``OGG`` …
        sample_rate: of the file.
        num_channels: of the file.
        clipped_share: of samples, those at full scale.
        silence_share: of frames of 10 ms, the silent ones.
    """

    duration_s: float
    format: str
    sample_rate: int
    num_channels: int
    clipped_share: float
    silence_share: float


@dataclass(frozen=True, slots=True)
class StoredSamples:
    """Stands for samples that are in a shard of the cache, where their SHA-256 finds them.

    Attributes:
        size: of the samples, in bytes.
    """

    size: int


@dataclass(frozen=True)
class Passed:
    """An utterance worth learning from.

    Attributes:
        name: unique in its corpus: the recording's, or with a number where it has segments.
        text: transcript after repairs.
        duration_s: of the samples, in seconds.
        samples: int16, little endian, mono, 16 kHz. ``screen`` never returns ``StoredSamples``.
        sha256: of ``samples``, in hexadecimal.
        attributes: what screening found, besides what the source says.
        facts: of the recording's whole file.
    """

    name: str
    text: str
    duration_s: float
    samples: bytes | StoredSamples
    sha256: str
    attributes: dict[str, str] = field(default_factory=dict)
    facts: Facts | None = None


@dataclass(frozen=True)
class Failed:
    """An utterance that can't be learned from; attributes as in ``asr.preparation.rejects.Reject``.

    ``facts`` are of the recording's whole file, None where that could not be decoded.
    """

    name: str
    reason: Reason
    detail: str
    duration_s: float | None
    text: str | None
    facts: Facts | None = None


Outcome = Passed | Failed


def screen(recording: Recording, params: PrepareParams) -> list[Outcome]:
    """Screen one recording.

    Returns:
        Its utterances in order, each passed or failed, at least one. Equal arguments give equal
        outcomes, in every process.
    """
    name, text = recording.name, recording.text
    if recording.withdrawn:
        return [Failed(name, Reason.WITHDRAWN, "see metrics/withdrawals", None, None)]
    if recording.fault is not None:
        return [Failed(name, Reason.UNREADABLE, recording.fault, None, text)]
    if recording.unlisted:
        detail = "no table of the corpus names this file"
        return [Failed(name, Reason.UNLISTED, detail, None, None)]
    channel = None if recording.channel == "each" else recording.channel
    try:
        decoded = decode(bytes(recording.audio), params.max_input_s, channel)
    except UndecodableError as error:
        if not _has_words(recording):
            return [_wordless(name, text, None)]
        reason = Reason.TOO_LONG if isinstance(error, TooLongError) else Reason.UNDECODABLE
        return [Failed(name, reason, str(error), None, text)]
    if recording.channel == "each" and decoded.num_channels > 1:
        each = [
            replace(recording, name=f"{name}~channel{number}", channel=number)
            for number in range(decoded.num_channels)
        ]
        return [outcome for one in each for outcome in screen(one, params)]
    facts = _facts(decoded, params)
    if not _has_words(recording):
        return [_wordless(name, text, facts)]
    outcomes = [
        _screen_stretch(stretch, decoded.waveform, facts, params)
        for stretch in stretches(recording, len(decoded.waveform), params)
    ]
    if decoded.only_channel is not None:  # the others cancel it out
        for outcome in outcomes:
            if isinstance(outcome, Passed):
                outcome.attributes["only_channel"] = str(decoded.only_channel)
    return outcomes


def _has_words(recording: Recording) -> bool:
    texts = [segment.text for segment in recording.segments] or [recording.text or ""]
    return any(sentence_key(text) for text in texts)


def _wordless(name: str, text: str | None, facts: Facts | None) -> Failed:
    duration_s = facts["duration_s"] if facts else None
    return Failed(name, Reason.NO_TRANSCRIPT, "no letter or digit", duration_s, text, facts)


def _facts(decoded: Decoded, params: PrepareParams) -> Facts:
    return Facts(
        duration_s=round(len(decoded.waveform) / SAMPLE_RATE, 4),
        format=decoded.format,
        sample_rate=decoded.sample_rate,
        num_channels=decoded.num_channels,
        clipped_share=round(decoded.clipped_share, 6),
        silence_share=round(silence_share(decoded.waveform, params.silence.below_db), 4),
    )


def _screen_stretch(
    stretch: Stretch, waveform: Waveform, facts: Facts, params: PrepareParams
) -> Outcome:
    """Screen one stretch of a recording: clean it as the params say, then check it."""
    name, raw = stretch.name, stretch.text or ""
    if not sentence_key(raw):
        failed = _wordless(name, stretch.text, facts)
        why = stretch.fault or (None, "")
        return replace(failed, detail=why[1]) if why[0] is Reason.NO_TRANSCRIPT else failed
    if stretch.fault:
        return Failed(name, *stretch.fault, round(stretch.duration_s, 4), raw, facts)
    text, repairs = repaired(raw, params.repairs)
    if not sentence_key(text):
        detail = "no letter or digit besides"
        return Failed(name, Reason.ONLY_ANNOTATIONS, detail, None, raw, facts)
    clip, peak, attributes = _cleaned(waveform[stretch.start : stretch.end], params)
    duration_s = round(len(clip) / SAMPLE_RATE, 4)
    if fault := _fault(text, duration_s, peak, params):
        return Failed(name, *fault, duration_s, raw, facts)
    # Before silence is trimmed, since the pauses have the noise alone.
    if (ratio := snr_db(waveform[stretch.start : stretch.end])) is not None:
        attributes["snr_db"] = f"{ratio:.1f}"
    if stretch.end - stretch.start < len(waveform):
        attributes["start_s"] = f"{stretch.start / SAMPLE_RATE:.3f}"
    # Kept, and counted: the model has to guess whether "25" is to be written so.
    if has_digits(text):
        attributes["spelling"] = "digits"
    if repairs:
        attributes |= {"raw_text": raw, "repairs": " ".join(repairs)}
    samples = to_int16(clip).tobytes()
    sha256 = hashlib.sha256(samples).hexdigest()
    return Passed(name, text, duration_s, samples, sha256, attributes, facts)


def _cleaned(waveform: Waveform, params: PrepareParams) -> tuple[Waveform, float, dict[str, str]]:
    """Remove a DC offset and, if the params say so, the silence at both ends.

    Returns:
        The waveform, its peak in dBFS, and what was done, for the utterance's attributes.
    """
    done: dict[str, str] = {}
    measured = waveform
    mean = float(np.mean(waveform, dtype=np.float64))
    if abs(mean) > params.max_dc_offset:
        waveform = waveform - np.float32(mean)
        done["dc_offset"] = f"{mean:.4f}"
        # A file that holds a constant alone rings at its ends, which is no sound.
        measured = waveform[_EDGE_SAMPLES:-_EDGE_SAMPLES]
    peak = peak_dbfs(measured) if len(measured) else -np.inf
    if params.silence.trim:
        start, end = trim_bounds(waveform, params.silence)
        if end - start < len(waveform):
            done["trimmed_start_s"] = f"{start / SAMPLE_RATE:.3f}"
            done["trimmed_end_s"] = f"{(len(waveform) - end) / SAMPLE_RATE:.3f}"
            waveform = waveform[start:end]
    return waveform, peak, done


def _fault(
    text: str, duration_s: float, peak: float, params: PrepareParams
) -> tuple[Reason, str] | None:
    """The first limit that a clip violates, with the measured value; None if it violates none."""
    if duration_s < params.min_duration_s:
        return Reason.TOO_SHORT, f"{duration_s} s"
    if duration_s > params.max_duration_s:
        return Reason.TOO_LONG, f"{duration_s} s"
    if peak < params.min_peak_dbfs:
        return Reason.NEAR_SILENT, f"peak {peak:.1f} dBFS"
    if (chars_per_s := len(text) / duration_s) > params.max_chars_per_s:
        return Reason.TOO_MANY_CHARS_PER_S, f"{chars_per_s:.1f} characters a second"
    return None
