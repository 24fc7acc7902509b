"""Rejects: recordings that can't be learned from, each with its reason, in a CSV."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from enum import StrEnum
from pathlib import Path

from asr.core.csv_files import read_csv, write_csv
from asr.core.errors import InputError


class Reason(StrEnum):
    """Why a recording is rejected, in the order in which screening checks."""

    WITHDRAWN = "withdrawn"  # by its speaker or source: neither audio nor text is kept
    UNREADABLE = "unreadable"  # the source names it, but its file is missing or is no such file
    UNLISTED = "unlisted"  # audio that no table of the corpus names; never counted as lost
    NO_TRANSCRIPT = "no_transcript"  # or one without a letter or digit
    ONLY_ANNOTATIONS = "only_annotations"  # no letter is left once they are taken out
    UNDECODABLE = "undecodable"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"  # than any input may be, or a timed segment than the model hears
    TOO_LONG_WITHOUT_TIMESTAMPS = "too_long_without_timestamps"  # nothing says where to cut it
    WRONG_TIMES = "wrong_times"  # a segment beyond its recording, or that ends before it begins
    ALIGNMENT_FAILED = "alignment_failed"  # a segment cut by machine, whose text it doubts
    NEAR_SILENT = "near_silent"
    TOO_MANY_CHARS_PER_S = "too_many_chars_per_s"  # nobody speaks so fast: words are missing
    DUPLICATE = "duplicate"  # the same recording with the same sentence is there already
    CONTRADICTORY_TRANSCRIPT = "contradictory_transcript"  # the same recording with other words


@dataclass(frozen=True)
class Reject:
    """One line of ``data/rejects/<corpus>.csv``.

    Attributes:
        id: what the utterance's would have been.
        reason: the first that holds.
        detail: what was found, with the numbers, or the utterance it repeats or contradicts.
        duration_s: in seconds, None where the audio was not or could not be decoded.
        text: raw transcript, None where there is none.
        file: name of the recording's file in the source.
    """

    id: str
    reason: Reason
    detail: str
    duration_s: float | None
    text: str | None
    file: str


_HEADER = [field.name for field in fields(Reject)]


def write_rejects(path: Path, rejects: Iterable[Reject]) -> None:
    """Write the CSV, in the order of ids."""
    write_csv(path, _HEADER, map(astuple, sorted(rejects, key=lambda r: r.id)))


def count_rejects(path: Path) -> dict[str, int]:
    """How many a CSV lists, by reason, in the order of ``Reason``.

    Raises:
        InputError: if the file has another header, or a reason that is none.
    """
    counts = Counter(row["reason"] for row in read_csv(path, _HEADER))
    if unknown := counts.keys() - set(Reason):
        raise InputError(f"{path}: reason: expected one of {list(Reason)}, got {sorted(unknown)}")
    return {reason.value: counts[reason] for reason in Reason if reason in counts}
