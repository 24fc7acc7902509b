"""Transcribe a test set by a server with OpenAI's ``/v1/audio/transcriptions``, such as vLLM.

Requests that fail or are late are sent again after a wait that doubles. Answers are stored as they
come, so that after a break only the missing clips are sent. The store is removed at the end: the
server may serve other weights under the same name next time.

The API returns text alone. So hypotheses of a server have no tokens, a log-probability of 0, and
none counts as a runaway.
"""

import asyncio
import io
import os
import random
import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pydantic import Field
from tqdm import tqdm

from asr.core.errors import InputError
from asr.core.files import fingerprint
from asr.core.locks import dvc_tmp
from asr.core.schema import Schema
from asr.core.urls import hide_secrets
from asr.decoding.journal import Journal, open_journal
from asr.decoding.params import ServedModel, ServerParams
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import SAMPLE_RATE, Clips, Waveform, to_int16

if TYPE_CHECKING:
    import httpx2

API_KEY = "OPENAI_API_KEY"  # environment variable; vLLM's clients read it too
MAX_WAIT_S = 60.0
# Requests that may succeed later: timeout, too early, too many; and all faults of the server.
_LATER = (408, 425, 429)
_SHOWN = 300  # characters of an answer in an error


class Answer(Schema):
    """A stored answer.

    Attributes:
        clip: id, language and hash of the audio.
        text: what the server returned.
        run: number of the run that got it, from 0.
        elapsed_s: seconds from that run's start.
    """

    clip: str
    text: str
    run: int = Field(ge=0)
    elapsed_s: float = Field(ge=0)


def transcribe_on_server(
    utterances: Sequence[Utterance], waveforms: Clips, model: ServedModel, params: ServerParams
) -> tuple[list[Hypothesis], float]:
    """Transcribe every utterance.

    Args:
        utterances: the test set.
        waveforms: the same clips.
        model: where it is served, and under which name.
        params: ``decode.server``.

    Returns:
        Hypotheses in the order of ``utterances``, and the wall-clock seconds of all runs.

    Raises:
        InputError: if the server refuses a clip, or has no answer after ``params.max_tries``; names
            the utterance and what the server answered.
    """
    with _answers(model, utterances) as answers:
        known = {one.clip for one in answers.rows}
        missing = [i for i, one in enumerate(utterances) if _clip(one) not in known]
        if known:
            print(f"{len(utterances) - len(missing)} clips were transcribed by an earlier run")
        asyncio.run(_ask_all(missing, utterances, waveforms, model, params, answers))
        texts = {one.clip: one.text for one in answers.rows}
        seconds: dict[int, float] = {}
        for one in answers.rows:
            seconds[one.run] = max(one.elapsed_s, seconds.get(one.run, 0.0))
        answers.remove()
    hypotheses = [
        Hypothesis(id=u.id, text=texts[_clip(u)], num_tokens=0, mean_log_prob=0.0, runaway=False)
        for u in utterances
    ]
    return hypotheses, sum(seconds.values())


def _clip(one: Utterance) -> str:
    return f"{one.id} {one.language} {one.sha256}"


@contextmanager
def _answers(model: ServedModel, utterances: Sequence[Utterance]) -> Iterator[Journal[Answer]]:
    facts = model.model_dump()
    # Each test set has a store of its own, since two stages may run at once.
    name = fingerprint({**facts, "clips": list(map(_clip, utterances))}, ())
    with open_journal(dvc_tmp() / "server" / f"{name}.jsonl", Answer, facts) as answers:
        yield answers


@dataclass
class _Requests:
    """What all requests share."""

    client: "httpx2.AsyncClient"
    model: ServedModel
    params: ServerParams
    progress: Any

    @property
    def url(self) -> str:
        return f"{self.model.url.rstrip('/')}/audio/transcriptions"

    async def transcribe(self, utterance: Utterance, waveform: Waveform) -> str:
        """Ask until there is an answer."""
        num_tries = 0
        while True:
            num_tries, wait_s = num_tries + 1, 0.0
            try:
                async with asyncio.timeout(self.params.timeout_s):
                    answer = await self._post(utterance, waveform)
            except TimeoutError:
                fault = f"none in {self.params.timeout_s:g} s"
            except OSError as error:
                fault = str(error) or type(error).__name__
            else:
                if answer.status_code == 200:
                    return self._text(utterance, answer)
                fault = f"status {answer.status_code}: {_short(answer.text)}"
                if answer.status_code < 500 and answer.status_code not in _LATER:
                    raise self._error(utterance, f"expected a transcript, got {fault}")
                wait_s = _seconds(answer.headers.get("retry-after", ""))
            if num_tries == self.params.max_tries:
                raise self._error(utterance, f"no answer after {num_tries} tries, at last {fault}")
            self.progress.set_postfix_str(fault[:60])
            doubled = self.params.first_wait_s * 2.0 ** (num_tries - 1)
            # Random, so that requests that failed together don't come back together.
            await asyncio.sleep(max(wait_s, min(MAX_WAIT_S, doubled) * random.uniform(0.5, 1.0)))

    async def _post(self, utterance: Utterance, waveform: Waveform) -> "httpx2.Response":
        import httpx2

        form = {"model": self.model.name, "language": utterance.language,
                "response_format": "json", "temperature": "0"}  # fmt: skip
        files = {"file": ("clip.wav", wav_of(waveform), "audio/wav")}
        try:
            return await self.client.post(self.url, data=form, files=files)
        except httpx2.InvalidURL as error:
            raise self._error(utterance, f"expected a URL, got {error}") from error
        except httpx2.HTTPError as error:
            # Its errors of the network have no common class with those of the system.
            raise ConnectionError(hide_secrets(str(error) or type(error).__name__)) from error

    def _text(self, utterance: Utterance, answer: "httpx2.Response") -> str:
        try:
            content: Any = answer.json()
            text = content["text"]
        except (ValueError, KeyError, TypeError):
            text = None
        if not isinstance(text, str):
            got = _short(answer.text)
            raise self._error(utterance, f'expected JSON as {{"text": "…"}}, got {got}')
        return text.strip()

    def _error(self, utterance: Utterance, fault: str) -> InputError:
        return InputError(f"{hide_secrets(self.url)}: {utterance.id}: {fault}")


async def _ask_all(
    missing: Sequence[int],
    utterances: Sequence[Utterance],
    waveforms: Clips,
    model: ServedModel,
    params: ServerParams,
    answers: Journal[Answer],
) -> None:
    """Send clips, ``params.concurrency`` at once, and store each answer."""
    import httpx2

    started, todo = perf_counter(), iter(missing)
    run = 1 + max((one.run for one in answers.rows), default=-1)
    key = os.environ.get(API_KEY)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    limits = httpx2.Limits(max_connections=params.concurrency)

    async def worker() -> None:
        for index in todo:  # all workers share one iterator
            one = utterances[index]
            text = await requests.transcribe(one, waveforms[index])
            elapsed_s = round(perf_counter() - started, 3)
            answers.append([Answer(clip=_clip(one), text=text, run=run, elapsed_s=elapsed_s)])
            progress.update()

    with tqdm(total=len(missing), unit="clip", desc="transcribe") as progress:
        async with httpx2.AsyncClient(headers=headers, limits=limits, timeout=None) as client:
            requests = _Requests(client, model, params, progress)
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(min(params.concurrency, len(missing))):
                        group.create_task(worker())
            except BaseExceptionGroup as several:
                # The first failure cancels all others.
                raise several.exceptions[0] from None


def wav_of(waveform: Waveform) -> bytes:
    """A WAV file: mono, 16 kHz, 16 bit."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(to_int16(waveform).tobytes())
    return content.getvalue()


def _seconds(header: str) -> float:
    """Seconds of a ``Retry-After``; 0 for a date or none."""
    return min(MAX_WAIT_S, float(header)) if header.isdecimal() else 0.0


def _short(text: str) -> str:
    return " ".join(hide_secrets(text).split())[:_SHOWN]
