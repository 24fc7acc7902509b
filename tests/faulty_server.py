"""A server that is late, busy or broken; else its text is the number of samples of a clip.

``tests/serving.py`` has the real one, whose faults can't be planned.
"""

import asyncio
import io
import socket
import threading
import wave
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from fastapi import FastAPI, Form, Request, UploadFile
from fastapi.responses import HTMLResponse, JSONResponse


@dataclass
class Seen:
    """What the server was asked; ``tries`` counts the requests by number of samples."""

    url: str
    tries: Counter[int] = field(default_factory=Counter)
    at_once: int = 0
    most_at_once: int = 0
    forms: list[tuple[str, str, str, str | None]] = field(default_factory=list)


# Takes the number of samples and which try it is, from 1: seconds to wait, and status and headers.
Behaviour = Callable[[int, int], tuple[float, int, dict[str, str]]]


def at_once(num_samples: int, tries: int) -> tuple[float, int, dict[str, str]]:
    return 0.0, 200, {}


def app(seen: Seen, behave: Behaviour) -> FastAPI:
    server = FastAPI()

    @server.post("/v1/audio/transcriptions")
    async def transcribe(
        request: Request, file: UploadFile, model: str = Form(), language: str = Form(),
        response_format: str = Form(),
    ):  # fmt: skip
        with wave.open(io.BytesIO(await file.read())) as sound:
            assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (
                16000,
                1,
                2,
            )
            num_samples = sound.getnframes()
        seen.tries[num_samples] += 1
        seen.forms.append((model, language, response_format, request.headers.get("authorization")))
        seen.at_once += 1
        seen.most_at_once = max(seen.most_at_once, seen.at_once)
        try:
            wait_s, status, headers = behave(num_samples, seen.tries[num_samples])
            await asyncio.sleep(wait_s)
        finally:
            seen.at_once -= 1
        if "X-Body" in headers:
            return HTMLResponse(headers["X-Body"], status)
        body = {"text": f" {num_samples}"} if status == 200 else {"error": "the GPU is on fire"}
        return JSONResponse(body, status, headers)

    return server


@contextmanager
def faulty_server(behave: Behaviour = at_once) -> Iterator[Seen]:
    """Run it in a thread for the time of the block."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        seen = Seen(f"http://127.0.0.1:{listening.getsockname()[1]}/v1")
        config = uvicorn.Config(app(seen, behave), log_level="warning", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=[[listening]], daemon=True)
        thread.start()
        yield seen
        server.should_exit = True
        thread.join(10)
