"""The file of languages and timestamps that a model wrote for clips."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict


@dataclass(frozen=True)
class TimedText:
    """A clip's text, decoded greedily with timestamps and without.

    Attributes:
        text: with timestamps, which are left out here.
        plain: without.
        segments: start and end of each sentence in seconds; None if what the model wrote is no row
            of segments in the order of time.
    """

    text: str
    plain: str
    segments: list[tuple[float, float]] | None


class Detection(BaseModel):
    """A line of the file of detections.

    Attributes:
        id: of the utterance.
        language: that the model names; None if it names none, or was not asked.
        timed: text with timestamps; None if the model was not asked.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: str
    language: str | None
    timed: TimedText | None
