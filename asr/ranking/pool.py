"""The clips of a manifest with the hypotheses of one or two models: what may be corrected."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from asr.core.csv_files import read_csv
from asr.core.errors import InputError
from asr.prediction.clips import Clip
from asr.ranking.orders import Candidate
from asr.utterances.jsonl import read_jsonl


class _Line(BaseModel):
    """A line of hypotheses, of ``commands.predict --confidence`` or the stage ``transcribe``."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: str = Field(min_length=1, validation_alias=AliasChoices("utterance_id", "id"))
    text: str = Field(validation_alias=AliasChoices("orthographic_text", "text"))
    duration_s: float | None = Field(default=None, gt=0)
    num_tokens: int | None = Field(default=None, ge=0)
    mean_log_prob: float | None = Field(default=None, le=0, allow_inf_nan=False)
    runaway: bool = False


@dataclass(frozen=True)
class Hypotheses:
    """The hypotheses of a model.

    Attributes:
        path: of the file, for messages.
        by_id: its lines.
        failed: ids of clips that the model could not read; they have no line.
    """

    path: Path
    by_id: Mapping[str, _Line]
    failed: frozenset[str]


def read_hypotheses(path: Path, clips: Sequence[Clip]) -> Hypotheses:
    """Read the hypotheses for the clips of a manifest.

    Raises:
        InputError: with file, line and key; for an id that appears twice; for hypotheses of other
            clips; and for clips without one, unless ``<path>.failures.csv`` lists them.
    """
    by_id: dict[str, _Line] = {}
    for number, line in enumerate(read_jsonl(path, _Line), start=1):
        if line.id in by_id:
            raise InputError(f"{path}:{number}: id {line.id!r:.120} appears twice")
        by_id[line.id] = line
    ids = [clip.id for clip in clips]
    if unknown := sorted(by_id.keys() - set(ids)):
        raise InputError(
            f"{path}: expected hypotheses for the {len(ids)} clips of the manifest, got "
            f"{len(unknown)} for others, first {unknown[0]!r:.120}"
        )
    failed = frozenset(_failed(path)) - by_id.keys()
    if missing := [one for one in ids if one not in by_id.keys() | failed]:
        raise InputError(
            f"{path}: expected a hypothesis for each of the {len(ids)} clips of the manifest, got "
            f"none for {len(missing)}, first {missing[0]!r:.120}"
        )
    return Hypotheses(path, by_id, failed)


def _failed(path: Path) -> Iterator[str]:
    listed = path.with_name(f"{path.name}.failures.csv")
    if listed.is_file():
        yield from (row["utterance_id"] for row in read_csv(listed, ("utterance_id", "why")))


def candidates(
    clips: Sequence[Clip], tuned: Hypotheses, other: Hypotheses | None, *, need_confidence: bool
) -> list[Candidate]:
    """The clips with a hypothesis of each model.

    Raises:
        InputError: if there are none, or one lacks the length of its audio or its confidence.
    """
    failed = tuned.failed | (other.failed if other else frozenset())
    found = [
        _candidate(clip, tuned, other, need_confidence=need_confidence)
        for clip in clips
        if clip.id not in failed
    ]
    if not found:
        raise InputError(f"{tuned.path}: expected clips with a hypothesis, got none")
    return found


def _candidate(
    clip: Clip, tuned: Hypotheses, other: Hypotheses | None, *, need_confidence: bool
) -> Candidate:
    line = tuned.by_id[clip.id]
    place = f"{tuned.path}: {clip.id!r:.120}"
    duration_s = clip.duration_s or line.duration_s
    if duration_s is None:
        raise InputError(f"{place}: {_expected('duration_s')}")
    if need_confidence and (line.num_tokens is None or line.mean_log_prob is None):
        raise InputError(f"{place}: {_expected('num_tokens and mean_log_prob')}")
    return Candidate(
        id=clip.id,
        language=clip.language,
        speaker_id=clip.speaker_id,
        duration_s=duration_s,
        text=line.text,
        num_tokens=line.num_tokens or 0,
        mean_log_prob=line.mean_log_prob or 0.0,
        runaway=line.runaway,
        other_text=other.by_id[clip.id].text if other else None,
    )


def _expected(keys: str) -> str:
    return f"expected {keys}, as `python -m commands.predict --confidence` writes, got none"
