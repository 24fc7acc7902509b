"""Build the batches of the next step in threads, while the device computes this step.

A batch depends on the plan and its seeds alone, so threads change no bit. They are threads and not
processes, as DataLoader has: NumPy, soxr, zstd, SHA-256 and the tokenizers release the lock of the
interpreter, and a corpus of a million utterances would be copied into each process.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from asr.families.protocols import Batch
from asr.training.plan import TrainingBatch


class Loader:
    """Builds batches, and begins those of the next step; at most that one step is in memory."""

    def __init__(self, collate: Callable[[TrainingBatch], Batch], num_threads: int) -> None:
        """Start no thread yet.

        Args:
            collate: builds a batch; several threads call it at once.
            num_threads: 0 to build each batch when it is asked for, in the caller's thread.
        """
        self._collate = collate
        self._threads = ThreadPoolExecutor(num_threads, "loader") if num_threads else None
        self._begun: list[tuple[TrainingBatch, Future[Batch]]] = []

    def __enter__(self) -> Self:
        """Leaving the block stops the threads, after the batch that each of them builds."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        if self._threads:
            self._threads.shutdown(cancel_futures=True)

    def load(self, wanted: Sequence[TrainingBatch]) -> list[Batch]:
        """Build these batches, or wait for them if they are begun.

        Raises:
            Exception: what ``collate`` raises for one of them, here and not when it was begun.
        """
        if self._threads is None:
            return [self._collate(one) for one in wanted]
        if [one for one, _ in self._begun] != list(wanted):  # out of memory made them smaller
            self.begin(wanted)
        begun, self._begun = self._begun, []
        return [batch.result() for _, batch in begun]

    def begin(self, wanted: Sequence[TrainingBatch]) -> None:
        """Begin to build the batches of the next ``load``; drop those begun before."""
        for _, batch in self._begun:
            batch.cancel()
        if self._threads:
            self._begun = [(one, self._threads.submit(self._collate, one)) for one in wanted]
