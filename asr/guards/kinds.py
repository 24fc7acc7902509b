"""The clips of the guards, and which guard each is for.

An utterance of ``data/guards`` has its kind in the attribute ``guard``.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from asr.utterances.utterance import Utterance
from asr.utterances.waveform import SAMPLE_RATE, Waveform, to_int16

GUARD = "guard"  # the attribute
SOUND, JOINED, TIMED, OTHER = "sound", "joined", "timestamps", "other"
# Attribute of a clip that holds the audio of others: their ids, one a line. commands.remove_source
# reads it.
CLIPS = "clips"
RECORDING = "recording"  # attribute of a piece of joined speech: the recording that it is cut from
MADE = (SOUND, JOINED, TIMED)  # corpora of clips that the stage makes; other languages have theirs
LICENSE = "CC0-1.0"  # of sounds that the stage computes


@dataclass(frozen=True)
class Clip:
    """An utterance, whose ``shard`` and ``row`` don't count yet, and its int16 samples."""

    utterance: Utterance
    samples: bytes


def made_clip(
    kind: str,
    name: str,
    waveform: Waveform,
    language: str,
    text: str,
    attributes: Mapping[str, str],
    parts: Sequence[Utterance] = (),
) -> Clip:
    """A clip that the stage computes or cuts out of others.

    Args:
        kind: one of ``MADE``.
        name: unique within its kind.
        waveform: its audio.
        language: ISO 639 code to decode it in.
        text: what is said, or the name of the sound.
        attributes: beside its kind.
        parts: utterances whose audio it has; none if it is computed.
    """
    samples = to_int16(waveform).tobytes()
    ids = {CLIPS: "\n".join(one.id for one in parts)} if parts else {}
    utterance = Utterance(
        id=f"{kind}/{name}",
        corpus=kind,
        text=text,
        duration_s=len(waveform) / SAMPLE_RATE,
        language=language,
        speaker_id=None,
        session_id=None,
        license=" AND ".join(sorted({one.license for one in parts})) or LICENSE,
        source=parts[0].source if parts else f"guards:{name}",
        sha256=hashlib.sha256(samples).hexdigest(),
        attributes={GUARD: kind, **attributes, **ids},
        shard="",
        row=0,
    )
    return Clip(utterance, samples)
