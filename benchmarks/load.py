"""Clients of OpenAI's transcriptions that each send the next clip as soon as their answer is there.

They share the cores with the server, so they do as little as HTTP allows: requests are made before,
and connections stay open.
"""

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

BOUNDARY = "load"
PATIENCE_S = 10.0  # for the last answers, at least
AFTER_ERROR_S = 0.2  # a server that refuses at once is not asked a thousand times a second


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        clip: its number.
        sent_s: when it was sent, in seconds since the start.
        latency_s: seconds until the whole answer was there.
        text: None after an error.
    """

    clip: int
    sent_s: float
    latency_s: float
    text: str | None


@dataclass
class Load:
    """What all clients got.

    Attributes:
        seconds: of the load; answers that are missing then are waited for, as long again.
        answers: in the order of their end.
        errors: the first few.
        unanswered: requests whose answer was too late even so.
    """

    seconds: float
    answers: list[Answer] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    unanswered: int = 0

    @property
    def clips_a_s(self) -> float:
        """Right answers within the time of the load, a second."""
        in_time = [a for a in self.answers if a.text is not None and self._ends(a) <= self.seconds]
        return len(in_time) / self.seconds

    @staticmethod
    def _ends(answer: Answer) -> float:
        return answer.sent_s + answer.latency_s

    @property
    def num_errors(self) -> int:
        """Requests without a right answer."""
        return sum(answer.text is None for answer in self.answers)

    def latency_s(self, percent: float) -> float | None:
        """A percentile of the latencies of right answers, by the nearest rank."""
        found = sorted(answer.latency_s for answer in self.answers if answer.text is not None)
        if not found:
            return None
        return round(found[min(len(found) - 1, int(len(found) * percent / 100))], 4)


def request(url: str, audio: bytes, fields: dict[str, str]) -> bytes:
    """A POST of a form with a file, as bytes of HTTP."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = 'Content-Disposition: form-data; name="file"; filename="clip.wav"\r\n'
    kind = "Content-Type: audio/wav\r\n\r\n"
    parts += [f"--{BOUNDARY}\r\n{head}{kind}".encode(), audio, f"\r\n--{BOUNDARY}--\r\n".encode()]
    body = b"".join(parts)
    where = urlsplit(url)
    lines = (
        f"POST {where.path} HTTP/1.1",
        f"Host: {where.netloc}",
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}",
        f"Content-Length: {len(body)}",
        "",
        "",
    )
    return "\r\n".join(lines).encode() + body


class Client:
    """One connection, opened again when it breaks."""

    def __init__(self, url: str) -> None:
        where = urlsplit(url)
        self._host, self._port = where.hostname, where.port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, content: bytes) -> str:
        """Send a request; returns the text.

        Raises:
            ValueError: with the answer, if it is no text.
            OSError, asyncio.IncompleteReadError: if the connection breaks.
        """
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        writer.write(content)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        status, *lines = head.lower().split("\r\n")
        named = dict(line.split(": ", 1) for line in lines if line)
        body = await reader.readexactly(int(named["content-length"]))
        if named.get("connection") == "close":
            self.close()
        if status.split()[1] != "200":
            raise ValueError(f"{status}: {body[:200]!r}")
        text = json.loads(body)["text"]
        if not isinstance(text, str):
            raise ValueError(f"text: expected a string, got {text!r:.80}")
        return text

    def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _send(
    client: Client, numbers: Iterator[int], requests: Sequence[bytes], load: Load,
    clock: Callable[[], float],
) -> None:  # fmt: skip
    try:
        while (sent_s := clock()) < load.seconds:
            clip = next(numbers) % len(requests)
            text = None
            try:
                text = await client.ask(requests[clip])
            except (OSError, ValueError, asyncio.IncompleteReadError) as error:
                load.errors += [f"{error!r:.300}"] if len(load.errors) < 5 else []
            load.answers.append(Answer(clip, sent_s, clock() - sent_s, text))
            if text is None:
                client.close()
                await asyncio.sleep(AFTER_ERROR_S)
    finally:
        client.close()


async def _all(url: str, requests: Sequence[bytes], num_clients: int, seconds: float) -> Load:
    load, numbers, started = Load(seconds), itertools.count(), time.perf_counter()
    clients = [
        asyncio.create_task(
            _send(Client(url), numbers, requests, load, lambda: time.perf_counter() - started)
        )
        for _ in range(num_clients)
    ]
    done, late = await asyncio.wait(clients, timeout=seconds + max(PATIENCE_S, seconds))
    for one in late:
        one.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    load.unanswered = len(late)
    for one in done:
        one.result()
    return load


def put_load(url: str, requests: Sequence[bytes], num_clients: int, seconds: float) -> Load:
    """Send the requests in turn from several clients, from the first again after the last."""
    return asyncio.run(_all(url, requests, num_clients, seconds))
