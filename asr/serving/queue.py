"""What waits to be decoded, in an order that is fair to each request.

Requests take turns: one that was served goes to the end of the line. A new one comes before all
that were served already, but for every other batch, so that a stream of short clips stops no long
file. So a short clip waits for two batches at most, not for the hundred pieces of each long file.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Literal

from asr.features.batching import Batch, Seconds, batches_by_length
from asr.serving.transcription import Transcription
from asr.utterances.hypothesis import Hypothesis

Step = Literal["detect", "decode", "again", "align"]
MAX_WINDOW = 512  # pieces that a batch is chosen from; sorting more takes longer than it saves


@dataclass(frozen=True, eq=False)
class Work:
    """The next step of a piece.

    Attributes:
        request: whose piece it is.
        index: of the piece.
        step: detect the language, decode, decode again after a runaway, align the words.
        hypothesis: of the steps before.
        since: when it began to wait, as ``time.monotonic`` counts.
    """

    request: Transcription
    index: int
    step: Step
    hypothesis: Hypothesis | None = None
    since: float = field(default_factory=time.monotonic)

    @property
    def duration_s(self) -> float:
        """Seconds of the piece."""
        return self.request.piece_s(self.index)


class FairQueue:
    """Work that waits; not safe for threads by itself, the batcher locks it."""

    def __init__(self) -> None:
        self._by_request: OrderedDict[Transcription, deque[Work]] = OrderedDict()
        self._served: set[Transcription] = set()
        self._passed_over = False  # whether a served one let a new one pass, and comes next

    def __len__(self) -> int:
        return sum(map(len, self._by_request.values()))

    @property
    def waiting_s(self) -> float:
        """Seconds of audio that wait."""
        return sum(work.duration_s for works in self._by_request.values() for work in works)

    @property
    def models(self) -> set[str]:
        """Names of the models with work."""
        return {request.model for request in self._by_request}

    def add(self, work: Work) -> None:
        """Add a piece behind the others of its request."""
        self._by_request.setdefault(work.request, deque()).append(work)

    def add_next(self, work: Work) -> None:
        """Add the next step of a piece before the other pieces of its request."""
        self._by_request.setdefault(work.request, deque()).appendleft(work)

    def drop(self, request: Transcription) -> None:
        """Forget all that a request waits for."""
        self._by_request.pop(request, None)
        self._served.discard(request)

    def in_turn(self) -> Iterator[Work]:
        """Each request's first piece, then each one's second, …"""
        served = [works for one, works in self._by_request.items() if one in self._served]
        new = [works for one, works in self._by_request.items() if one not in self._served]
        order = served + new if self._passed_over else new + served
        for turn in zip_longest(*order):
            yield from (work for work in turn if work is not None)

    def take(
        self,
        may_run: Callable[[Work], bool],
        seconds: Callable[[str, Step], Seconds],
        batch_seconds: float,
        num_batches: Callable[[str, float], int],
    ) -> list[Work]:
        """Take a batch: the first in turn that may run, and others of about its length.

        Args:
            may_run: whether the model of a piece may take work now.
            seconds: maps model and step to the function of the seconds that it computes.
            batch_seconds: ``decode.batch_seconds``.
            num_batches: maps model and the seconds that wait for it to the batches to make of them.

        Returns:
            Work for one model, of one step; empty if none may run.
        """
        first = next(filter(may_run, self.in_turn()), None)
        if first is None:
            return []
        chosen = [first]
        if first.step in ("decode", "again"):
            key = first.request.model, first.step
            same = [w for w in self.in_turn() if (w.request.model, w.step) == key][:MAX_WINDOW]
            durations_s, computed = [work.duration_s for work in same], seconds(*key)
            num = num_batches(first.request.model, sum(map(computed, durations_s)))
            place = same.index(first)
            for batch in few_batches(durations_s, computed, batch_seconds, num):
                if place in batch.indices:
                    chosen = [same[index] for index in batch.indices]
        is_new = first.request not in self._served
        self._passed_over = is_new and not self._served.isdisjoint(self._by_request)
        self._remove(chosen)
        return chosen

    def _remove(self, chosen: list[Work]) -> None:
        for work in chosen:
            works = self._by_request[work.request]
            works.remove(work)
            self._served.add(work.request)
            self._by_request.move_to_end(work.request)
            if not works:
                del self._by_request[work.request]


def few_batches(
    durations_s: Sequence[float], seconds: Seconds, batch_seconds: float, num: int
) -> list[Batch]:
    """Batches of about the same seconds: ``num``, or as many as ``batch_seconds`` demands.

    A batch of one costs twice as much a clip as a batch of eight, since the decoder reads all its
    weights for each token. So clips are not left over for a small last batch.
    """
    limit = sum(map(seconds, durations_s)) / num
    while True:
        batches = batches_by_length(durations_s, seconds, min(limit, batch_seconds))
        if len(batches) <= num or limit >= batch_seconds:
            return batches
        limit *= 1.1
