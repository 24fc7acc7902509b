"""What all routes share: models, queue, readers; and one request's way through them."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Any, BinaryIO, TypeVar

from starlette.requests import Request

from asr.alignment.lines import Line
from asr.alignment.params import AlignParams
from asr.alignment.words import Word
from asr.core.errors import InputError
from asr.preparation.params import PrepareParams
from asr.serving.batcher import Batcher
from asr.serving.errors import ApiError, client_gone, too_many
from asr.serving.logs import log_not_loaded
from asr.serving.metrics import Metrics
from asr.serving.models import GB, FoundModel, LoadedModels
from asr.serving.params import ServeParams
from asr.serving.reading import read_audio
from asr.serving.transcription import Piece, Transcription
from asr.serving.uploads import Uploads

T = TypeVar("T")
log = logging.getLogger("serve")


@dataclass(frozen=True)
class Wanted:
    """What a request asks for.

    Attributes:
        model: name of the model; "" for the first.
        language: ISO 639 code; "" for that of ``models.language``.
        words: whether word times are wanted.
    """

    model: str
    language: str
    words: bool


@dataclass(frozen=True)
class Transcript:
    """A file's transcript.

    Attributes:
        model: that made it.
        language: ISO 639 code.
        duration_s: of the file, in seconds.
        pieces: in order.
        align: section ``align``.
    """

    model: str
    language: str
    duration_s: float
    pieces: tuple[Piece, ...]
    align: AlignParams

    @property
    def text(self) -> str:
        """Of all pieces."""
        return " ".join(piece.hypothesis.text for piece in self.pieces if piece.hypothesis.text)

    @property
    def words(self) -> list[Word]:
        """Of all pieces."""
        return [word for piece in self.pieces for word in piece.words or ()]

    @property
    def lines(self) -> list[tuple[Piece, Line]]:
        """Lines of subtitles, each with its piece."""
        return [(piece, line) for piece in self.pieces for line in piece.lines(self.align)]


class Service:
    """Everything but HTTP."""

    def __init__(
        self,
        params: ServeParams,
        found: Mapping[str, FoundModel],
        prepare: PrepareParams,
        metrics: Metrics,
    ) -> None:
        self.params, self.found, self.prepare, self.metrics = params, found, prepare, metrics
        self.first = next(iter(found.values()))
        self.loaded = LoadedModels(found, params.models.max_gb * GB)
        self.batcher = Batcher(
            self.loaded, self.first.decode, self.first.machine.num_threads,
            params.models, metrics.batch,
        )  # fmt: skip
        self.uploads = Uploads(params.uploads)
        self._readers = ThreadPoolExecutor(params.limits.num_readers, "read")
        metrics.watch(
            lambda: self.batcher.num_waiting,
            lambda: self.batcher.waiting_s,
            lambda: self.loaded.num_bytes,
        )

    @property
    def is_ready(self) -> bool:
        """Whether a model is loaded."""
        return bool(self.loaded.names)

    def close(self) -> None:
        """End all threads."""
        self._readers.shutdown(cancel_futures=True)
        self.batcher.stop()
        self.uploads.close()

    def model(self, name: str) -> FoundModel:
        """The model of a name, of an alias, or the first.

        Raises:
            ApiError: if there is none of this name.
        """
        if not name or name in self.params.models.aliases:
            return self.first
        if name not in self.found:
            message = f"model: expected one of {', '.join(self.found)}, got {name!r:.80}"
            raise ApiError(404, message, "model", "model_not_found")
        return self.found[name]

    async def in_reader(self, read: Callable[..., T], *given: Any) -> T:
        """Read a file in one of ``limits.num_readers`` threads: each has a file in memory."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, read, *given)

    @asynccontextmanager
    async def started(self, file: BinaryIO, wanted: Wanted) -> AsyncIterator[Transcription]:
        """Read a file and put its pieces into the queue; at the end it leaves the queue.

        Raises:
            ApiError: if something of the request is wrong, or too much audio waits.
        """
        model = self.model(wanted.model)
        language = self._language(model, wanted.language)
        limits = self.params.limits
        with self.batcher.coming():
            audio = await self.in_reader(
                read_audio, file, limits.max_duration_s, model.longest_s, self.prepare.silence
            )
        request = Transcription(model.name, language, wanted.words, audio.waveform, audio.bounds)
        waiting_s = self.batcher.waiting_s
        if waiting_s and waiting_s + request.duration_s > limits.max_waiting_s:
            self.metrics.refused.labels("queue_full").inc()
            message = (
                f"{waiting_s:.0f} s of audio wait and this has {request.duration_s:.0f} s, "
                f"expected at most {limits.max_waiting_s:g} together"
            )
            raise too_many(message, "queue_full", limits.retry_after_s)
        self.batcher.submit(request)
        try:
            yield request
        finally:
            self.batcher.cancel(request)

    def _language(self, model: FoundModel, given: str) -> str | None:
        language = given or self.params.models.language
        if language != "detect":
            return language
        if not model.names_language:
            message = f"language: expected an ISO 639 code, since family {model.family} names none"
            raise ApiError(400, message, "language", "language_required")
        return None

    async def transcribe(self, file: BinaryIO, wanted: Wanted) -> Transcript:
        """Transcribe a whole file; see ``started``."""
        async with self.started(file, wanted) as request, aclosing(request.pieces()) as pieces:
            found = tuple([piece async for piece in pieces])
            return self.transcript(request, found)

    def transcript(self, request: Transcription, pieces: tuple[Piece, ...]) -> Transcript:
        """What came of a request."""
        align = self.found[request.model].align
        return Transcript(request.model, request.language or "", request.duration_s, pieces, align)

    @contextmanager
    def warming_up(self) -> Iterator[None]:
        """Load the first model meanwhile; a fault of it is logged, and requests have it too."""

        def load() -> None:
            try:
                self.batcher.load_first(self.first.name)
            except (InputError, OSError) as error:
                log_not_loaded(self.first.name, error)

        thread = Thread(target=load, daemon=True)
        thread.start()
        yield
        thread.join()


async def streamed(events: AsyncIterator[str], deadline: float) -> AsyncIterator[str]:
    """Events of a stream that has begun, so that an error can only be an event."""
    try:
        async with asyncio.timeout_at(deadline):
            async for one in events:
                yield one
    except TimeoutError:
        yield error_event(ApiError(504, "the request took too long", code="timeout"))
    except ApiError as error:
        yield error_event(error)
    except Exception:
        log.exception("a stream failed")
        yield error_event(ApiError(500, "an error of the server"))


def error_event(error: ApiError) -> str:
    """An event that OpenAI's clients raise as an error."""
    return f"data: {json.dumps({'error': error.body('')['error']}, ensure_ascii=False)}\n\n"


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Do the work of a request, and stop it when its client goes away.

    Raises:
        ApiError: if the client went away.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(request.receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise client_gone()
    finally:
        gone.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


async def _disconnected(receive: Callable[[], Any]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def facts(request: Request, **values: Any) -> None:
    """Add what the log may have about a request: figures and names, no text."""
    request.scope["state"]["facts"].update(values)
