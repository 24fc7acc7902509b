"""Utterances in no split, and the table of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.core.csv_files import write_csv
from asr.utterances.utterance import Utterance


@dataclass(frozen=True)
class Aside:
    """An utterance in no split, because it would leak or is too long to train on.

    Attributes:
        utterance: the utterance.
        split: the split that it was assigned to, or replay.
        reason: sentence, recording, speaker, session or near_duplicate, if it shares that with
            ``other``; or too_many_tokens; of a replay corpus, also given_dev and given_test.
        other: an utterance of another split; None for the other reasons.
        other_split: the split of ``other``.
    """

    utterance: Utterance
    split: str
    reason: str
    other: Utterance | None = None
    other_split: str = ""


def write_aside(path: Path, aside: Sequence[Aside]) -> None:
    """Write a CSV of the utterances that are set aside, with the reasons."""
    columns = ("id", "split", "text", "shared", "other", "other_split", "other_text")
    rows = []
    for leak in aside:
        one, other = leak.utterance, leak.other
        others = (other.id, leak.other_split, other.text) if other else ("", "", "")
        rows.append((one.id, leak.split, one.text, leak.reason, *others))
    write_csv(path, columns, rows)
