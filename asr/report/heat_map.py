"""Where errors fall: by position in the clip and by the clip's duration.

A character's place in its reference stands for its time: no stage writes times of words, and
characters are spoken at a more even pace than words.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from asr.scoring.score import Scored
from asr.scoring.slices import DURATION_S, bucket
from asr.text.edits import char_edits

NUM_PARTS = 8  # of a clip; a clip of the starter corpus has 16 characters
# Lower bounds of the shades, in errors a character.
LEVELS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8)


@dataclass(frozen=True)
class HeatCell:
    """Errors a reference character in one part of the clips; None if there is no character."""

    rate: float | None
    num_chars: int

    @property
    def level(self) -> int:
        """The shade, from 0; -1 for an empty cell."""
        return -1 if self.rate is None else sum(self.rate >= low for low in LEVELS) - 1


@dataclass(frozen=True)
class HeatRow:
    """The clips of one duration, from their start to their end."""

    duration: str
    num_utterances: int
    cells: tuple[HeatCell, ...]


def heat_map(scored: Sequence[Scored]) -> list[HeatRow]:
    """Pool the character errors of all clips of a duration by their place in the reference.

    An inserted character counts at the place of the next one of the reference, or of the last.
    """
    members: dict[str, list[Scored]] = {bucket(low, DURATION_S, "s"): [] for low in DURATION_S}
    for one in scored:
        members[bucket(one.utterance.duration_s, DURATION_S, "s")].append(one)
    return [_row(name, group) for name, group in members.items() if group]


def _row(duration: str, scored: Sequence[Scored]) -> HeatRow:
    chars, errors = [0] * NUM_PARTS, [0] * NUM_PARTS
    for one in scored:
        length = len(one.reference)
        if not length:  # no place in it
            continue
        for part, num in enumerate(_parts(length)):
            chars[part] += num
        for edit in char_edits(one.reference, one.hypothesis):
            errors[min(edit.place, length - 1) * NUM_PARTS // length] += 1
    cells = (
        HeatCell(wrong / num if num else None, num)
        for wrong, num in zip(errors, chars, strict=True)
    )
    return HeatRow(duration, len(scored), tuple(cells))


@cache  # of few lengths, and a test set may have a million texts
def _parts(length: int) -> tuple[int, ...]:
    """How many of ``length`` characters are in each part."""
    parts = Counter(place * NUM_PARTS // length for place in range(length))
    return tuple(parts[part] for part in range(NUM_PARTS))
