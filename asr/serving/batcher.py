"""Decode what waits, many requests' pieces in one batch, and again as soon as a batch is done.

Each thread takes the next batch that ``FairQueue`` gives and runs it. There are as many threads as
the machine has for decoding; a model that computes one batch at a time takes one of them.
"""

import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from asr.alignment.words import aligned_words
from asr.core.errors import InputError
from asr.decoding.params import DecodeParams
from asr.decoding.transcribe import token_budget
from asr.features.batching import Seconds
from asr.serving.errors import ApiError
from asr.serving.models import LoadedModel, LoadedModels, loaded
from asr.serving.params import ModelsParams
from asr.serving.queue import FairQueue, Step, Work
from asr.serving.transcription import Transcription
from asr.utterances.hypothesis import Hypothesis

log = logging.getLogger("serve")

# Called after each batch with model, step, clips, seconds of audio and seconds that it took.
Observe = Callable[[str, Step, int, float, float], None]


class Batcher:
    """The queue, and the threads that empty it."""

    def __init__(
        self, models: LoadedModels, decode: DecodeParams, num_threads: int, params: ModelsParams,
        observe: Observe,
    ) -> None:  # fmt: skip
        self._models, self._decode, self._observe = models, decode, observe
        self._switch_after_s, self._gather_s = params.switch_after_s, params.gather_s
        self._queue = FairQueue()
        self._running: Counter[str] = Counter()  # batches, by model
        self._running_s: defaultdict[str, float] = defaultdict(float)  # seconds that these compute
        self._coming: dict[object, float] = {}  # requests that are being read, and since when
        self._changed = threading.Condition()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._work, name=f"decode-{number}", daemon=True)
            for number in range(num_threads)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def num_waiting(self) -> int:
        """Pieces that wait."""
        with self._changed:
            return len(self._queue)

    @property
    def waiting_s(self) -> float:
        """Seconds of audio that wait."""
        with self._changed:
            return self._queue.waiting_s

    def load_first(self, name: str) -> None:
        """Load a model before there is work for it."""
        with self._changed:
            self._running[name] += 1
        try:
            self._models.load(name)
        finally:
            with self._changed:
                self._running[name] -= 1
                self._changed.notify_all()

    @contextmanager
    def coming(self) -> Iterator[None]:
        """A request is being read: a batch that would begin now waits for it, but not for long."""
        here = object()
        with self._changed:
            self._coming[here] = time.monotonic()
        try:
            yield
        finally:
            with self._changed:
                del self._coming[here]
                self._changed.notify_all()

    def submit(self, request: Transcription) -> None:
        """Put a request's pieces into the queue."""
        with self._changed:
            if request.language is None:
                self._queue.add(Work(request, 0, "detect"))
            else:
                self._add_all(request)
            self._changed.notify_all()

    def cancel(self, request: Transcription) -> None:
        """Take a request out of the queue; a batch that runs ends without it."""
        with self._changed:
            request.cancelled = True
            self._queue.drop(request)

    def stop(self) -> None:
        """End the threads after their batches, and free the models."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        self._models.close()

    def _add_all(self, request: Transcription) -> None:
        for index in range(len(request.bounds)):
            self._queue.add(Work(request, index, "decode"))

    def _work(self) -> None:
        while True:
            with self._changed:
                while not (batch := self._take()):
                    if self._stopping:
                        return
                    self._changed.wait(self._gathering_s() or self._switch_after_s or 0.1)
                name = batch[0].request.model
                computed = self._seconds(name, batch[0].step)
                batch_s = sum(computed(work.duration_s) for work in batch)
                self._running[name] += 1
                self._running_s[name] += batch_s
            try:
                self._run(name, batch)
            finally:
                with self._changed:
                    self._running[name] -= 1
                    self._running_s[name] -= batch_s
                    self._changed.notify_all()

    def _take(self) -> list[Work]:
        if self._stopping or self._gathering_s():
            return []
        batch = self._queue.take(
            self._may_run, self._seconds, self._decode.batch_seconds, self._num_batches
        )
        if batch:
            name = batch[0].request.model
            for other in self._models.to_evict(name):
                self._models.evict(other)
            self._models.use(name)
        return batch

    def _gathering_s(self) -> float:
        """Seconds for which what waits waits on, so that requests being read join its batch.

        Clients whose answers came in one batch send their next requests together, so the first of
        them would be a batch of its own. One client alone waits for nobody.
        """
        first = next(self._queue.in_turn(), None)
        if first is None or first.step != "decode" or not self._coming:
            return 0.0
        since = min(first.since, max(self._coming.values()))
        return max(0.0, since + self._gather_s - time.monotonic())

    def _num_batches(self, name: str, waiting_s: float) -> int:
        """Batches to make of what waits for a model, so that its workers have equal shares."""
        all_s = waiting_s + self._running_s[name]
        return max(1, round(waiting_s * self._models.num_workers(name) / all_s))

    def _may_run(self, work: Work) -> bool:
        """Whether a model has a free place, or may be loaded in the place of idle ones.

        Models that have work stay, so that two models that take turns are not loaded for each
        batch. After ``switch_after_s`` the one that waits gets its place, when it is free.
        """
        name, loaded = work.request.model, self._models.names
        if self._running[name] >= self._models.num_workers(name):
            return False
        waited = self._waits_too_long()
        if name in loaded:
            return not (waited and name in self._models.to_evict(waited))
        if any(num and other not in loaded for other, num in self._running.items()):
            return False  # another one is being loaded
        busy = self._queue.models if waited != name else set()
        gone = self._models.to_evict(name)
        return not any(self._running[other] or other in busy for other in gone)

    def _waits_too_long(self) -> str | None:
        """The model, not in memory, that the first request in turn has waited for too long."""
        first = next(self._queue.in_turn(), None)
        if first is None or first.request.model in self._models.names:
            return None
        late = time.monotonic() - first.since >= self._switch_after_s
        return first.request.model if late else None

    def _seconds(self, name: str, step: Step) -> Seconds:
        """Seconds that a model computes; a model that is not loaded yet gets a batch of equals."""
        if (model := self._models.find(name)) is None:
            return lambda duration_s: self._decode.batch_seconds
        computed = model.computed
        return computed.again or computed.first if step == "again" else computed.first

    def _run(self, name: str, batch: list[Work]) -> None:
        batch = [work for work in batch if not work.request.cancelled]
        if not batch:
            return
        started = time.perf_counter()
        try:
            model = loaded(name, lambda: self._models.load(name))
            {"detect": self._detect, "align": self._align}.get(batch[0].step, self._transcribe)(
                model, batch
            )
        except InputError as error:
            # Most often the model lacks the language, and says so by the parameter's name.
            param = "language" if str(error).startswith("language:") else None
            self._failed(batch, ApiError(400, str(error), param, "not_transcribable"), name)
        except Exception as error:
            if not isinstance(error, ApiError):
                log.exception("a batch failed")
            self._failed(batch, error, name)
            return
        audio_s = sum(work.duration_s for work in batch)
        self._observe(name, batch[0].step, len(batch), audio_s, time.perf_counter() - started)

    def _failed(self, batch: Sequence[Work], error: Exception, name: str) -> None:
        """Fail a request alone; of several, each tries again by itself: one may be at fault."""
        if len(batch) > 1:
            for work in batch:
                self._run(name, [work])
            return
        batch[0].request.fail(error)
        self.cancel(batch[0].request)

    def _detect(self, model: LoadedModel, batch: Sequence[Work]) -> None:
        (work,) = batch
        request = work.request
        with model.lock:
            detector = loaded(request.model, model.detector)
            if detector is None:
                raise InputError(f"language: family {model.found.family} names none")
            context_s = detector.language_seconds(work.duration_s)
            clips = [request.piece_waveform(0)]
            (language,) = detector.languages(clips, [request.utterance(0)], context_s)
        request.language = language or "en"
        with self._changed:
            self._models.shrink(lambda other: not self._running[other])
            if not request.cancelled:
                self._add_all(request)
            self._changed.notify_all()

    def _transcribe(self, model: LoadedModel, batch: Sequence[Work]) -> None:
        again = batch[0].step == "again"
        seconds = model.computed.again if again and model.computed.again else model.computed.first
        context_s = seconds(max(work.duration_s for work in batch))
        budgets = [token_budget(work.duration_s, self._decode) for work in batch]
        waveforms = [work.request.piece_waveform(work.index) for work in batch]
        utterances = [work.request.utterance(work.index) for work in batch]
        found = model.engine.transcribe(waveforms, utterances, context_s, budgets)
        pairs = zip(batch, found, strict=True)
        # Each one's next step goes before the others of its request: the first piece comes last, so
        # that its words are aligned first and a stream begins with them.
        for work, hypothesis in sorted(pairs, key=lambda pair: -pair[0].index):
            if hypothesis.runaway and not again and model.computed.again:
                self._next(Work(work.request, work.index, "again", hypothesis))
                continue
            # If the second one ran away too, the first one stays.
            kept = work.hypothesis if hypothesis.runaway and work.hypothesis else hypothesis
            self._decoded(work, kept)

    def _decoded(self, work: Work, hypothesis: Hypothesis) -> None:
        if work.request.with_words and hypothesis.text:
            self._next(Work(work.request, work.index, "align", hypothesis))
        else:
            work.request.finish(work.index, hypothesis, () if work.request.with_words else None)

    def _next(self, work: Work) -> None:
        with self._changed:
            if not work.request.cancelled:
                self._queue.add_next(work)
            self._changed.notify_all()

    def _align(self, model: LoadedModel, batch: Sequence[Work]) -> None:
        (work,) = batch
        if work.hypothesis is None:
            raise RuntimeError("align: expected a hypothesis")
        request, language = work.request, work.request.language or "en"
        with model.lock:
            aligner = loaded(request.model, model.aligner)
            words = aligned_words(
                aligner, request.piece_waveform(work.index), work.hypothesis.text, language,
                model.found.align,
            )  # fmt: skip
        request.finish(work.index, work.hypothesis, words)
        with self._changed:
            self._models.shrink(lambda other: not self._running[other])
