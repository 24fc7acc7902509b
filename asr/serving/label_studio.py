"""Label Studio's ML backend: it sends tasks, and shows the drafts that it gets.

A task names its audio by URL. It is fetched from ``label_studio.url`` alone, and redirects are not
followed: a server that fetched any URL would show its sender what only this machine can reach.
"""

import math
import os
import re
import tempfile
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from typing import Any, BinaryIO
from urllib.parse import urljoin, urlsplit

from pydantic import BaseModel, Field

from asr.serving.errors import ApiError
from asr.serving.params import MB, LabelStudioParams
from asr.serving.routes import LANGUAGE
from asr.serving.service import Transcript

TIMEOUT_S = 30.0  # for each part of a file


class Task(BaseModel):
    """A task; other keys are not needed here."""

    id: int | str | None = None
    data: dict[str, Any]


class PredictRequest(BaseModel):
    """The body of ``/predict``."""

    tasks: list[Task] = Field(max_length=1000)
    label_config: str = Field(default="", max_length=1_000_000)
    project: str | None = None
    params: dict[str, Any] | None = None


class SetupRequest(BaseModel):
    """The body of ``/setup``; with its key Label Studio gives a token, which is not used."""

    project: str | None = None
    label_schema: str = Field(default="", alias="schema", max_length=1_000_000)


@dataclass(frozen=True)
class Tags:
    """The tags of a labeling configuration that a draft needs.

    Attributes:
        text: name of the ``TextArea``.
        audio: name of the ``Audio``.
        key: of a task's data, with the URL of the audio.
    """

    text: str
    audio: str
    key: str


def find_tags(label_config: str) -> Tags:
    """The first ``TextArea`` that belongs to an ``Audio``.

    Raises:
        ApiError: if the configuration is no XML, or has none.
    """
    wanted = "label_config: expected a TextArea whose toName is an Audio with value $name"
    if "<!" in label_config.replace("<!--", ""):  # entities may unfold to gigabytes
        raise ApiError(400, f"{wanted}, without declarations", "label_config")
    try:
        root = ElementTree.fromstring(label_config)
    except ElementTree.ParseError as error:
        raise ApiError(400, f"{wanted}, got no XML: {error}", "label_config") from error
    audios = {
        tag.get("name", ""): tag.get("value", "").removeprefix("$")
        for tag in root.iter("Audio")
        if tag.get("value", "").startswith("$")
    }
    for area in root.iter("TextArea"):
        name = area.get("toName", "")
        if name in audios:
            return Tags(area.get("name", ""), name, audios[name])
    raise ApiError(400, wanted, "label_config")


def audio_url(task: Task, tags: Tags, params: LabelStudioParams) -> str:
    """The URL of a task's audio, on the Label Studio of ``label_studio.url``.

    Raises:
        ApiError: if there is none, or it is elsewhere.
    """
    if not params.url:
        raise ApiError(400, "label_studio.url of conf/serve.yaml is empty, so no audio is fetched",
                       "tasks", "not_configured")  # fmt: skip
    value = task.data.get(tags.key)
    if not isinstance(value, str) or not value:
        raise ApiError(400, f"tasks: expected a URL as data.{tags.key:.80}", "tasks")
    base = params.url.rstrip("/") + "/"
    try:
        url = urljoin(base, value)
        parts, own = urlsplit(url), urlsplit(base)
        same = (parts.scheme, parts.netloc) == (own.scheme, own.netloc)
    except ValueError:
        same = False
    if not same:
        raise ApiError(400, f"tasks: expected audio of {base}, got another server's", "tasks",
                       "foreign_url")  # fmt: skip
    return url


def language(task: Task) -> str:
    """The language of a task; "" if its data has none.

    Raises:
        ApiError: if it is no ISO 639 code.
    """
    value = task.data.get("language") or ""
    if not (isinstance(value, str) and re.fullmatch(LANGUAGE, value)):
        raise ApiError(400, f"tasks: expected an ISO 639 code as data.language, got {value!r:.80}",
                       "tasks")  # fmt: skip
    return value


async def fetch_audio(url: str, params: LabelStudioParams, max_body_mb: float) -> BinaryIO:
    """Fetch audio to a file on disk.

    Raises:
        ApiError: if Label Studio does not send it, or it is too large.
    """
    import httpx2

    token = os.environ.get(params.token_env, "")
    headers = {"Authorization": f"Token {token}"} if token else {}
    file = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        async with (
            httpx2.AsyncClient(timeout=TIMEOUT_S, headers=headers) as client,
            client.stream("GET", url) as response,
        ):
            if response.status_code != 200:
                raise ApiError(502, f"Label Studio answered {response.status_code} for the audio",
                               "tasks", "audio_not_fetched")  # fmt: skip
            async for part in response.aiter_bytes():
                file.write(part)
                if file.tell() > max_body_mb * MB:
                    raise ApiError(413, f"expected audio of at most {max_body_mb:g} MB", "tasks",
                                   "body_too_large")  # fmt: skip
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        file.close()
        message = f"Label Studio did not send the audio: {type(error).__name__}"
        raise ApiError(502, message, "tasks", "audio_not_fetched") from error
    except BaseException:
        file.close()
        raise
    return file


def prediction(transcript: Transcript, tags: Tags) -> dict[str, Any]:
    """A draft as Label Studio reads it; its score is the mean probability of a token."""
    result = {
        "from_name": tags.text,
        "to_name": tags.audio,
        "type": "textarea",
        "value": {"text": [transcript.text]},
    }
    pieces = [piece.hypothesis for piece in transcript.pieces]
    num_tokens = sum(one.num_tokens for one in pieces)
    log_prob = sum(one.num_tokens * one.mean_log_prob for one in pieces) / max(1, num_tokens)
    return {
        "result": [result] if transcript.text else [],
        "score": round(math.exp(log_prob), 6),
        "model_version": transcript.model,
    }
