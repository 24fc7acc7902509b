"""An utterance: one transcribed stretch of speech, and the place of its audio."""

from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from asr.core.errors import InputError
from asr.utterances.jsonl import read_jsonl, write_jsonl


class Utterance(BaseModel):
    """One line of a manifest, and the schema of every utterance in this repository.

    Attributes:
        id: ``<corpus>/<name>``, unique over all corpora and stable between runs.
        corpus: the corpus's key in ``params.yaml``.
        text: the source's transcript, after repairs and before any normalizer.
        duration_s: length of the prepared audio, in seconds.
        language: ISO 639 code, as in the model's tokenizer.
        speaker_id: None if the source has none.
        session_id: of the recording session; None if the source has none.
        license: SPDX identifier of the source's license.
        source: where the recording came from: package, archive or address, and the file in it.
        sha256: of the prepared audio's samples (int16, little endian), in hexadecimal.
        attributes: other fields of the source, such as ``age_bucket``; after repairs, their names
            (``repairs``) and the source's transcript (``raw_text``).
        shard: file name of the Parquet shard, relative to the corpus's prepared folder.
        row: in that shard, from 0.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: str = Field(min_length=3)
    corpus: str = Field(min_length=1)
    text: str = Field(min_length=1)
    duration_s: float = Field(gt=0)
    language: str = Field(pattern=r"^[a-z]{2,3}$")
    speaker_id: str | None
    session_id: str | None
    license: str = Field(min_length=1)
    source: str = Field(min_length=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    attributes: dict[str, str]
    shard: str
    row: int = Field(ge=0)


def read_manifest(path: Path) -> list[Utterance]:
    """Read every utterance of a manifest, in its order.

    Raises:
        InputError: with file, line, key, expected and got; also for an id that appears twice.
    """
    utterances = read_jsonl(path, Utterance)
    seen: set[str] = set()
    for line, utterance in enumerate(utterances, start=1):
        if utterance.id in seen:
            raise InputError(f"{path}:{line}: id {utterance.id!r} appears twice")
        seen.add(utterance.id)
    return utterances


def write_manifest(path: Path, utterances: Iterable[Utterance]) -> None:
    """Write one utterance a line."""
    write_jsonl(path, utterances)
