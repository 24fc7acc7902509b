"""faster-whisper behind OpenAI's transcriptions, with as little around it as FastAPI allows.

``python -m benchmarks.faster_whisper_app --model DIR --port 8001``

Audio is decoded as our server decodes it, and clips of one language that wait are one batch of
``BatchedInferencePipeline``, which batches parts of one recording: so the clips are joined
into one, and the parts are the clips. Each worker decodes with its share of the threads.
"""

import argparse
import asyncio
import threading
from collections import deque
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import uvicorn
from fastapi import FastAPI, File, Form, UploadFile
from faster_whisper import BatchedInferencePipeline, WhisperModel

from asr.audio.decoding import decode
from asr.utterances.waveform import SAMPLE_RATE, Waveform

MAX_S = 30.0  # of a clip: the pipeline would cut a longer one off


class Batches:
    """Requests that wait, and the threads that decode them."""

    def __init__(self, model: Path, num_threads: int, num_workers: int, batch_size: int) -> None:
        self._whisper = WhisperModel(
            str(model), device="cpu", compute_type="int8", num_workers=num_workers,
            cpu_threads=max(1, num_threads // num_workers),
        )  # fmt: skip
        self._batch_size = batch_size
        self._waiting: deque[tuple[Waveform, str, asyncio.Future[str]]] = deque()
        self._changed = threading.Condition()
        for _ in range(num_workers):
            threading.Thread(target=self._work, daemon=True).start()

    async def text(self, waveform: Waveform, language: str) -> str:
        """The text of a clip."""
        found: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        with self._changed:
            self._waiting.append((waveform, language, found))
            self._changed.notify()
        return await found

    def _work(self) -> None:
        pipeline = BatchedInferencePipeline(self._whisper)
        while True:
            with self._changed:
                while not self._waiting:
                    self._changed.wait()
                language = self._waiting[0][1]
                batch = [one for one in self._waiting if one[1] == language][: self._batch_size]
                taken = set(map(id, batch))
                self._waiting = deque(one for one in self._waiting if id(one) not in taken)
            try:
                self._decode(pipeline, batch, language)
            except Exception as error:
                for _, _, found in batch:
                    found.get_loop().call_soon_threadsafe(found.set_exception, error)

    def _decode(self, pipeline: Any, batch: list[Any], language: str) -> None:
        waveforms = [waveform for waveform, _, _ in batch]
        ends = np.cumsum([len(waveform) for waveform in waveforms]) / SAMPLE_RATE
        starts = [0.0, *ends[:-1]]
        bounds = [{"start": start, "end": end} for start, end in zip(starts, ends, strict=True)]
        segments, _ = pipeline.transcribe(
            np.concatenate(waveforms), language=language, beam_size=1, temperature=0.0,
            vad_filter=False, without_timestamps=True, clip_timestamps=bounds,
            batch_size=self._batch_size,
        )  # fmt: skip
        texts = [""] * len(batch)
        for segment in segments:
            place = int(np.searchsorted(starts, segment.start + 1e-3, side="right")) - 1
            texts[place] += segment.text
        for (_, _, found), text in zip(batch, texts, strict=True):
            found.get_loop().call_soon_threadsafe(found.set_result, text.strip())


def create_app(batches: Batches) -> FastAPI:
    """The app."""
    app = FastAPI()

    @app.post("/v1/audio/transcriptions")
    async def transcriptions(
        file: Annotated[UploadFile, File()],
        language: Annotated[str, Form()],
        model: Annotated[str, Form()] = "",
    ) -> dict[str, str]:
        content = await file.read()
        waveform = await asyncio.to_thread(lambda: decode(content, MAX_S).waveform)
        return {"text": await batches.text(waveform, language)}

    @app.get("/readyz")
    async def readyz() -> dict[str, str]:
        return {"status": "ready"}

    return app


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True, help="a folder in CTranslate2's form")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1, help="batches that are decoded at once")
    parser.add_argument("--batch", type=int, default=8, help="clips in one")
    given = parser.parse_args()
    batches = Batches(given.model, given.threads, given.workers, given.batch)
    uvicorn.run(create_app(batches), port=given.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
