"""The table of word times, one JSONL line an utterance."""

from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from asr.alignment.words import Word
from asr.utterances.jsonl import read_jsonl, write_jsonl


class AlignedUtterance(BaseModel):
    """An utterance and its words.

    Attributes:
        id: the utterance's.
        text: whose words are aligned.
        words: all of them, in order.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1)
    text: str
    words: tuple[Word, ...]


def write_aligned(path: Path, aligned: Iterable[AlignedUtterance]) -> None:
    """Write one utterance a line."""
    write_jsonl(path, aligned)


def read_aligned(path: Path) -> dict[str, AlignedUtterance]:
    """Read aligned utterances by id.

    Raises:
        InputError: with file, line and key.
    """
    return {one.id: one for one in read_jsonl(path, AlignedUtterance)}
