"""What is heard in one recording: utterances worth learning from, or the reasons against them.

A recording is judged by itself, from nothing but its bytes, what its source says of it and the
params, so that recordings can be judged in any place and order, and a verdict can be kept. What
needs the others too, such as duplicates, is ``asr/preparing.py``'s.

This module stays light: it is imported by every worker process.
"""

import hashlib
from dataclasses import dataclass, field

from asr.audio import SAMPLE_RATE, UndecodableError, decode, peak_dbfs, to_int16
from asr.raw import Recording
from asr.rejects import Reason
from asr.schemas.prepare import Params
from asr.sentence import has_digits, sentence_key


@dataclass(frozen=True, slots=True)
class Place:
    """Samples that were heard before, and lie in a shard of the last run.

    Attributes:
        shard: its name there.
        row: in that shard.
        size: of the samples, in bytes.
    """

    shard: str
    row: int
    size: int


@dataclass(frozen=True)
class Passed:
    """An utterance that was found good.

    Attributes:
        name: unique in its corpus; the recording's, or made of it where one holds several.
        text: raw transcript.
        duration_s: of the samples, in seconds.
        samples: int16, little endian, mono, 16 kHz; or where they lie, which ``judge`` never says.
        sha256: of ``samples``, in hexadecimal.
        attributes: what was found, besides what the source says.
    """

    name: str
    text: str
    duration_s: float
    samples: bytes | Place
    sha256: str
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    """An utterance that can't be learned from; attributes as in ``asr.rejects.Reject``."""

    name: str
    reason: Reason
    detail: str
    duration_s: float | None
    text: str | None


Outcome = Passed | Failed


def judge(recording: Recording, params: Params) -> list[Outcome]:
    """The utterances of one recording, in their order, each passed or failed.

    Pure: equal arguments give equal outcomes, in whatever process.
    """
    text, name = recording.text, recording.name
    if text is None or not sentence_key(text):
        return [Failed(name, Reason.NO_TRANSCRIPT, "no letter or digit", None, text)]
    try:
        waveform = decode(recording.audio)
    except UndecodableError as error:
        return [Failed(name, Reason.UNDECODABLE, str(error), None, text)]
    duration_s = round(len(waveform) / SAMPLE_RATE, 4)
    if fault := _fault(text, duration_s, peak_dbfs(waveform), params):
        return [Failed(name, *fault, duration_s, text)]
    samples = to_int16(waveform).tobytes()
    # Kept, and counted: the model has to guess whether "25" is to be written so.
    found = {"spelling": "digits"} if has_digits(text) else {}
    sha256 = hashlib.sha256(samples).hexdigest()
    return [Passed(name, text, duration_s, samples, sha256, found)]


def _fault(text: str, duration_s: float, peak: float, params: Params) -> tuple[Reason, str] | None:
    """The first measure that is out of range, with its number."""
    if duration_s < params.min_duration_s:
        return Reason.TOO_SHORT, f"{duration_s} s"
    if duration_s > params.max_duration_s:
        return Reason.TOO_LONG, f"{duration_s} s"
    if peak < params.min_peak_dbfs:
        return Reason.NEAR_SILENT, f"peak {peak:.1f} dBFS"
    if (chars_per_s := len(text) / duration_s) > params.max_chars_per_s:
        return Reason.TOO_MANY_CHARS_PER_S, f"{chars_per_s:.1f} characters a second"
    return None
