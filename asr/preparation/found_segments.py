"""Segments that the stage ``segment`` found for long recordings whose source gives no times."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from asr.corpora.recording import Recording, Segment
from asr.utterances.jsonl import read_jsonl


class TimedRecording(BaseModel):
    """A line of ``data/segments/<corpus>.jsonl``.

    Attributes:
        name: the recording's.
        segments: without gaps, in order; one without text is speech that no transcript has.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    segments: tuple[Segment, ...]


def with_segments(recordings: Iterable[Recording], found: Path) -> Iterator[Recording]:
    """Give recordings the segments that were found for them.

    Args:
        recordings: of a corpus.
        found: JSONL of ``TimedRecording``; a further test set has no such file.
    """
    rows = read_jsonl(found, TimedRecording) if found.exists() else []
    by_name = {one.name: one.segments for one in rows}
    for recording in recordings:
        segments = by_name.get(recording.name)
        yield recording if segments is None else replace(recording, segments=segments)
