"""Align clips one after another; write the table of their words, and files for players."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from asr.alignment.files import write_files
from asr.alignment.lines import lines_of
from asr.alignment.params import AlignParams
from asr.alignment.table import AlignedUtterance, write_aligned
from asr.alignment.unit_scores import Aligner
from asr.alignment.words import aligned_words
from asr.utterances.waveform import Waveform


class TextedClip(NamedTuple):
    """A clip whose words are to be aligned.

    Attributes:
        id: the name of its folder in ``outputs``.
        text: what is said.
        language: ISO 639 code.
        waveform: float32, mono, 16 kHz.
    """

    id: str
    text: str
    language: str
    waveform: Waveform


def align_clips(
    aligner: Aligner, clips: Iterable[TextedClip], out: Path, params: AlignParams
) -> list[AlignedUtterance]:
    """Write ``words.jsonl`` and ``outputs/<id>/`` into ``out``; return what the table holds."""
    aligned = []
    for one in clips:
        words = aligned_words(aligner, one.waveform, one.text, one.language, params)
        aligned.append(AlignedUtterance(id=one.id, text=one.text, words=tuple(words)))
        files = out / "outputs" / one.id
        write_files(files, lines_of(words, params), one.text, one.language, params.formats)
    write_aligned(out / "words.jsonl", aligned)
    return aligned
