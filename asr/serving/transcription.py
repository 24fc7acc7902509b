"""A request's audio in pieces, and what comes of each: the batcher fills it, a route reads it."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from asr.alignment.lines import Line, lines_of
from asr.alignment.params import AlignParams
from asr.alignment.words import Word
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import SAMPLE_RATE, Waveform

_number = itertools.count()


@dataclass(frozen=True)
class Piece:
    """A transcribed piece.

    Attributes:
        start_s: where it starts in the file, in seconds.
        end_s: where it ends.
        hypothesis: the model's.
        words: with times from the start of the file; None if nobody asked for them.
    """

    start_s: float
    end_s: float
    hypothesis: Hypothesis
    words: tuple[Word, ...] | None

    def lines(self, params: AlignParams) -> list[Line]:
        """Lines of subtitles; text without times is one line as long as the piece."""
        words = self.words or ()
        if not self.hypothesis.text:
            return []
        return lines_of(words, params) or [Line(tuple(words), self.start_s, self.end_s)]


class Transcription:
    """The pieces of one request's audio.

    Attributes:
        model: name of the model.
        language: ISO 639 code; None until it is detected.
        with_words: whether word times are wanted.
        waveform: of the whole file; of a long one it lies on disk.
        bounds: first sample and end of each piece.
        cancelled: whether nobody waits for it any more.
    """

    def __init__(
        self,
        model: str,
        language: str | None,
        with_words: bool,
        waveform: Waveform,
        bounds: Sequence[tuple[int, int]],
    ) -> None:
        self.model, self.language, self.with_words = model, language, with_words
        self.waveform, self.bounds = waveform, bounds
        self.cancelled = False
        self.number = next(_number)
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._found: list[asyncio.Future[Piece]] = [loop.create_future() for _ in bounds]

    @property
    def duration_s(self) -> float:
        """Seconds of the whole file."""
        return len(self.waveform) / SAMPLE_RATE

    def piece_waveform(self, index: int) -> Waveform:
        """The waveform of a piece."""
        start, end = self.bounds[index]
        return self.waveform[start:end]

    def piece_s(self, index: int) -> float:
        """Seconds of a piece."""
        start, end = self.bounds[index]
        return (end - start) / SAMPLE_RATE

    def utterance(self, index: int) -> Utterance:
        """A piece as an utterance; a decoder reads only its id, duration and language."""
        return Utterance(
            id=f"{self.number}/{index}", corpus="serve", text="?", duration_s=self.piece_s(index),
            language=self.language or "en", speaker_id=None, session_id=None, license="?",
            source="?", sha256="0" * 64, attributes={}, shard="", row=0,
        )  # fmt: skip

    def finish(self, index: int, hypothesis: Hypothesis, words: Sequence[Word] | None) -> None:
        """Hand over a piece; called by a thread of the batcher."""
        start, end = self.bounds[index]
        start_s = start / SAMPLE_RATE
        shifted = None if words is None else tuple(_later(word, start_s) for word in words)
        piece = Piece(start_s, end / SAMPLE_RATE, hypothesis, shifted)
        self._set(index, piece)

    def fail(self, error: Exception) -> None:
        """Hand over an error in place of all pieces that are still missing."""
        for index in range(len(self.bounds)):
            self._set(index, error)

    def _set(self, index: int, result: Piece | Exception) -> None:
        future = self._found[index]

        def set_it() -> None:
            if future.done():
                return
            if isinstance(result, Exception):
                future.set_exception(result)
                future.exception()  # else asyncio reports those that nobody reads
            else:
                future.set_result(result)

        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(set_it)

    async def pieces(self) -> AsyncGenerator[Piece, None]:
        """Each piece in the order of the file, as soon as it is there."""
        for future in self._found:
            yield await asyncio.shield(future)


def _later(word: Word, start_s: float) -> Word:
    if word.start_s is None or word.end_s is None:
        return word
    times = round(word.start_s + start_s, 2), round(word.end_s + start_s, 2)
    return Word(word.text, *times, word.confidence)
