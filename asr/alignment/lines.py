"""Words as lines: of subtitles, of lyrics."""

from collections.abc import Sequence
from dataclasses import dataclass

from asr.alignment.params import AlignParams
from asr.alignment.words import Word


@dataclass(frozen=True)
class Line:
    """Words that are shown together.

    Attributes:
        words: at least one of them has a time.
        start_s: of its first word with a time, in seconds.
        end_s: of its last word with a time, in seconds.
    """

    words: tuple[Word, ...]
    start_s: float
    end_s: float

    @property
    def text(self) -> str:
        """The words, joined by spaces."""
        return " ".join(word.text for word in self.words)


def lines_of(words: Sequence[Word], params: AlignParams) -> list[Line]:
    """Cut words into lines: at long pauses, and before a line gets too long.

    A word without a time stays with the word before it. Words without any time give no line.

    Args:
        words: of one clip, in order.
        params: section ``align``.
    """
    lines: list[list[Word]] = []
    end_s = None  # of the last word with a time
    for word in words:
        pause_s = 0.0 if end_s is None or word.start_s is None else word.start_s - end_s
        length = len(" ".join(one.text for one in lines[-1])) if lines else 0
        too_long = length + 1 + len(word.text) > params.max_line_chars and word.start_s is not None
        if not lines or pause_s > params.max_line_pause_s or (too_long and end_s is not None):
            lines.append([])
        lines[-1].append(word)
        end_s = end_s if word.end_s is None else word.end_s
    return [line for line in map(_line, lines) if line is not None]


def _line(words: Sequence[Word]) -> Line | None:
    starts = [word.start_s for word in words if word.start_s is not None]
    ends = [word.end_s for word in words if word.end_s is not None]
    return Line(tuple(words), starts[0], ends[-1]) if starts else None
