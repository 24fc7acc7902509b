"""What every source of pending clips offers, and what it is given back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class PendingClip:
    """A clip that waits for a draft.

    Attributes:
        key: as the source stores it; text, number or UUID.
        audio: what the source has of the audio: a path, a URL, a key or the bytes.
        language: ISO 639 code; None if the source names none.
        draft: that it has now; None if it has none.
        status: that it has now.
    """

    key: Any
    audio: Any
    language: str | None
    draft: str | None
    status: str | None = None

    @property
    def id(self) -> str:
        """The key as text."""
        return str(self.key)


@dataclass(frozen=True)
class Draft:
    """The transcript of a model.

    Attributes:
        text: of the clip.
        confidence: the tokens' geometric mean probability, 0 to 1.
        words: ``{"word", "start", "end", "probability"}`` of each; None if nobody asked for them.
    """

    text: str
    confidence: float
    words: list[dict[str, Any]] | None


@dataclass(frozen=True)
class ModelName:
    """The model whose drafts are written; ``version`` is a hash of its files."""

    name: str
    version: str


class PendingClips(Protocol):
    """Pending clips of a source; each is drafted once, whatever number of workers runs."""

    def count(self) -> int:
        """How many clips have no draft of this model yet."""

    def peek(self, num: int) -> list[PendingClip]:
        """The first clips, unclaimed."""

    def claim(self, num: int) -> list[PendingClip]:
        """The next clips, which no other worker gets for a while; none at the end."""

    def write(self, drafts: Sequence[tuple[PendingClip, Draft]]) -> set[Any]:
        """Write drafts where the clip is as it was; returns the keys of those written."""

    def fail(self, clips: Sequence[tuple[PendingClip, str]]) -> None:
        """Write why clips could not be drafted, if the source has a place for it."""

    def release(self, clips: Sequence[PendingClip]) -> None:
        """Give clips back as they are."""
