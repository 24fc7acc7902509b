"""Tasks of a Label Studio project, by its HTTP API; drafts become predictions.

A task that a person annotated or drafted is left alone, and annotations are never touched. Label
Studio has no claims: two workers at once may both predict a task, so run one a project.
"""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2

from asr.core.errors import InputError
from asr.redraft.clips import Draft, ModelName, PendingClip
from asr.redraft.params import LabelStudioBlock
from asr.sources.params import FetchParams

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 15.0
TIMEOUT_S = 60.0
_LATER = (408, 425, 429, 500, 502, 503, 504)  # statuses after which the same request may succeed


class LabelStudioTasks:
    """Tasks without an annotation and a prediction of this model, in the project's order."""

    def __init__(self, block: LabelStudioBlock, model: ModelName, limits: FetchParams) -> None:
        """Nothing is requested yet.

        Raises:
            InputError: if an environment variable is missing.
        """
        for name in (block.url_env, block.token_env):
            if not os.environ.get(name):
                raise InputError(f"no environment variable ${name}")
        self._block, self._version, self._limits = block, f"{model.name} {model.version}", limits
        self._base = os.environ[block.url_env].rstrip("/") + "/"
        self._token = os.environ[block.token_env]
        self._host = urlsplit(self._base).netloc
        self._client = httpx2.Client(timeout=TIMEOUT_S, follow_redirects=True)
        self._headers = {"Authorization": f"Token {self._token}"}
        # A personal access token is a JWT of three parts, which buys tokens of five minutes.
        self._is_personal = self._token.count(".") == 2
        if self._is_personal:
            self._refresh()
        self._tasks = self._pending()

    def _refresh(self) -> None:
        answer = self._send("POST", "api/token/refresh", json={"refresh": self._token}, headers={})
        self._headers = {"Authorization": f"Bearer {answer.json().get('access', '')}"}

    def _send(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Send a request, again after a pause while the server can't be reached.

        Raises:
            InputError: with the path and what went wrong, but no token.
        """
        deadline, wait_s, renewed = time.monotonic() + self._block.retry_s, FIRST_WAIT_S, False
        while True:
            headers = options.get("headers", self._headers)
            try:
                answer = self._client.request(
                    method, urljoin(self._base, path), **options | {"headers": headers}
                )
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                # Its text may hold the address, with a password.
                why = type(error).__name__
                # A POST whose answer is lost may have done its work, and would do it twice.
                lost = httpx2.TransportError if method == "GET" else httpx2.ConnectError
                later = isinstance(error, lost)
            else:
                if answer.is_success:
                    return answer
                why, later = f"status {answer.status_code}", answer.status_code in _LATER
                if answer.status_code == 401 and self._is_personal and not renewed and headers:
                    self._refresh()
                    renewed = True
                    continue
            if not later or time.monotonic() + wait_s > deadline:
                raise InputError(f"${self._block.url_env}: {urlsplit(path).path}: {why}")
            print(f"${self._block.url_env}: {why}; trying again in {wait_s:g} s", file=sys.stderr)
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def _pages(self) -> Iterator[list[dict[str, Any]]]:
        page, size, seen = 1, self._block.batch_clips, 0
        while True:
            query = f"project={self._block.project}&fields=all&page={page}&page_size={size}"
            answer = self._send("GET", f"api/tasks?{query}")
            try:
                found = answer.json()
                tasks, total = list(found["tasks"]), int(found["total"])
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(
                    f"${self._block.url_env}: api/tasks: expected tasks and total, got "
                    f"{type(error).__name__}"
                ) from error
            yield tasks
            seen += len(tasks)
            if not tasks or seen >= total:
                return
            page += 1

    def _pending(self) -> Iterator[PendingClip]:
        for tasks in self._pages():
            for task in tasks:
                predictions = task.get("predictions") or []
                versions = [one.get("model_version") for one in predictions]
                if task.get("annotations") or task.get("drafts") or self._version in versions:
                    continue
                audio = (task.get("data") or {}).get(self._block.audio_key)
                yield PendingClip(task["id"], audio, None, _text_of(predictions))

    def count(self) -> int:
        """See ``PendingClips``."""
        return sum(1 for _ in self._pending())

    def peek(self, num: int) -> list[PendingClip]:
        """See ``PendingClips``."""
        return list(islice(self._pending(), num))

    def claim(self, num: int) -> list[PendingClip]:
        """See ``PendingClips``; without a claim."""
        return list(islice(self._tasks, num))

    def write(self, drafts: Sequence[tuple[PendingClip, Draft]]) -> set[Any]:
        """Add a prediction to each task, all in one request."""
        if drafts:
            path = f"api/projects/{self._block.project}/import/predictions"
            self._send("POST", path, json=[self._prediction(*one) for one in drafts])
        return {clip.key for clip, _ in drafts}

    def _prediction(self, clip: PendingClip, draft: Draft) -> dict[str, Any]:
        area = {
            "from_name": self._block.from_name,
            "to_name": self._block.to_name,
            "type": "textarea",
            "value": {"text": [draft.text]},
        }
        return {
            "task": clip.key,
            "result": [area],
            "score": draft.confidence,
            "model_version": self._version,
        }

    def fail(self, clips: Sequence[tuple[PendingClip, str]]) -> None:
        """Label Studio has no place for it."""

    def release(self, clips: Sequence[PendingClip]) -> None:
        """Nothing was claimed."""

    def load(self, value: Any) -> bytes:
        """The audio of a task: an upload or storage of Label Studio's, or a URL elsewhere.

        Raises:
            InputError: if it can't be downloaded.
        """
        from asr.redraft.audio import download

        if not isinstance(value, str) or not value:
            raise InputError(f"{self._block.audio_key}: expected an address, got {value!r:.80}")
        address = urljoin(self._base, value)
        if urlsplit(address).netloc != self._host:
            # The token is for Label Studio alone.
            return download(address, self._block.audio_key, self._limits, allow_private=False)
        content: bytes = self._send("GET", address).content
        if len(content) > self._limits.max_bytes:
            raise InputError(f"{self._block.audio_key}: {self._limits.too_large(len(content))}")
        return content


def _text_of(predictions: Sequence[dict[str, Any]]) -> str | None:
    """The text of the newest prediction, as the present draft."""
    for one in sorted(predictions, key=lambda one: one.get("id") or 0, reverse=True):
        for area in one.get("result") or []:
            text = (area.get("value") or {}).get("text")
            if text:
                return text if isinstance(text, str) else " ".join(text)
    return None
