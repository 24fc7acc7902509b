"""What a request must pass before it is read: host, key, rate, places, size, time.

This layer stands before the framework, which would otherwise read a body before it asks for a key.
"""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asr.serving.errors import ApiError, client_gone, too_many
from asr.serving.keys import name_of_key
from asr.serving.logs import send_error
from asr.serving.metrics import Metrics
from asr.serving.page import FILES, SETTINGS
from asr.serving.params import MB, LimitsParams, ServerParams

# What programs that watch the server ask for without a key, and what only describes it.
OPEN = {"/", "/health", "/healthz", "/readyz", "/metrics", "/docs", "/openapi.json",
        *FILES, SETTINGS}  # fmt: skip
LOCAL_HOSTS = {"localhost", "127.0.0.1", "[::1]"}
MAX_CALLERS = 10_000  # whose rates are stored; beyond, the one seen longest ago is forgotten
GRACE_S = 10.0  # for the last words of an answer that is late


class Rates:
    """A bucket of requests for each caller, which fills at a constant rate."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, caller: str, now: float, take: int = 1) -> float:
        """Take one request, or only look; returns 0, or the seconds until there is one again."""
        left, last = self._buckets.pop(caller, (float(self._per_minute), now))
        left = min(self._per_minute, left + (now - last) * self._per_minute / 60)
        allowed = left >= 1
        self._buckets[caller] = (left - allowed * take, now)
        if len(self._buckets) > MAX_CALLERS:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - left) * 60 / self._per_minute


class Limited:
    """The layer; ``waiting_s`` returns the seconds of audio that wait."""

    def __init__(
        self,
        app: ASGIApp,
        server: ServerParams,
        limits: LimitsParams,
        keys: Mapping[str, str],
        metrics: Metrics,
        waiting_s: Callable[[], float],
    ) -> None:
        self.app, self.limits, self.keys, self.metrics = app, limits, keys, metrics
        # Without keys a page of any web site could ask a server on this machine, under its own
        # name (DNS rebinding); so only this machine's names are served.
        self.hosts = set(server.hosts) if keys else LOCAL_HOSTS | {server.host}
        self.rates = Rates(limits.requests_per_minute)
        self.wrong_keys = Rates(limits.wrong_keys_per_minute)
        self.waiting_s = waiting_s
        self.num_open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            self._check_host_and_key(scope)
            if scope["method"] != "POST":
                await self.app(scope, receive, send)
                return
            self._check_load()
            await self._with_place(scope, receive, send)
        except ApiError as error:
            if error.status_code == 429:
                self.metrics.refused.labels(error.code or "").inc()
            await send_error(error, scope["state"]["request_id"], send)

    def _check_host_and_key(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        name = headers.get("host", "")
        if self.hosts and name not in self.hosts and name.rpartition(":")[0] not in self.hosts:
            raise ApiError(403, "Host: expected a name of this server", code="unknown_host")
        caller = f"address {scope['client'][0]}" if scope.get("client") else "address"
        if self.keys:
            if scope["path"] in OPEN or scope["method"] == "OPTIONS":
                return
            scope["state"]["facts"]["key"] = caller = self._key(headers, caller)
        scope["state"]["caller"] = caller
        if scope["path"] not in OPEN and (wait := self.rates.wait_s(caller, time.monotonic())):
            raise too_many(
                f"expected at most {self.limits.requests_per_minute} requests a minute",
                "rate_limit", math.ceil(wait),
            )  # fmt: skip

    def _key(self, headers: Headers, address: str) -> str:
        now = time.monotonic()
        if wait := self.wrong_keys.wait_s(address, now, take=0):
            limit = self.limits.wrong_keys_per_minute
            message = f"expected at most {limit} wrong API keys a minute"
            raise too_many(message, "too_many_wrong_keys", math.ceil(wait))
        if (key := name_of_key(headers, self.keys)) is not None:
            return key
        self.wrong_keys.wait_s(address, now)
        wanted = {"WWW-Authenticate": "Bearer"}
        message = "Authorization: expected a known API key"
        raise ApiError(401, message, code="invalid_api_key", headers=wanted)

    def _check_load(self) -> None:
        if self.num_open >= self.limits.max_requests:
            raise too_many(
                f"expected at most {self.limits.max_requests} requests at once",
                "too_many_requests", self.limits.retry_after_s,
            )  # fmt: skip
        if (waiting_s := self.waiting_s()) > self.limits.max_waiting_s:
            raise too_many(
                f"{waiting_s:.0f} s of audio wait, expected at most {self.limits.max_waiting_s:g}",
                "queue_full", self.limits.retry_after_s,
            )  # fmt: skip

    async def _with_place(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.num_open += 1
        self.metrics.open_requests.set(self.num_open)
        deadline = asyncio.get_running_loop().time() + self.limits.max_total_s
        scope["state"]["deadline"] = deadline
        timeout = asyncio.timeout_at(deadline)

        async def send_in_time(message: Message) -> None:
            if message["type"] == "http.response.start":
                # From here on a stream ends by itself, with an event that says why.
                timeout.reschedule(deadline + GRACE_S)
            await send(message)

        try:
            async with timeout, AsyncExitStack() as at_end:
                scope["state"]["at_end"] = at_end
                await self.app(scope, self._bounded(scope, receive), send_in_time)
        except TimeoutError as error:
            if not timeout.expired():
                raise
            limit_s = self.limits.max_total_s
            message = f"no answer in {limit_s:g} s; the work is stopped"
            raise ApiError(504, message, code="timeout") from error
        finally:
            self.num_open -= 1
            self.metrics.open_requests.set(self.num_open)

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """``receive``, which stops at a body that is too large or too slow."""
        headers = Headers(scope=scope)
        # Only the files of a form go to disk; any other body is held in memory.
        is_form = headers.get("content-type", "").startswith("multipart/form-data")
        if headers.get("content-encoding", "identity") != "identity":
            message = "Content-Encoding: expected none; a compressed body has no known size"
            raise ApiError(415, message, code="compressed_body")
        max_mb = self.limits.max_body_mb if is_form else self.limits.max_json_mb
        max_bytes = max_mb * MB
        too_large = ApiError(
            413, f"expected a body of at most {max_mb:g} MB", code="body_too_large",
            headers={"Connection": "close"},
        )  # fmt: skip
        stated = headers.get("content-length", "0")
        if stated.isdecimal() and int(stated) > max_bytes:
            raise too_large
        deadline = asyncio.get_running_loop().time() + self.limits.max_body_s
        num_bytes, complete = 0, False

        async def receive_bounded() -> Message:
            nonlocal num_bytes, complete
            if complete:  # what comes now is only that the client is gone
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError as error:
                limit_s = self.limits.max_body_s
                raise ApiError(
                    408, f"no whole body in {limit_s:g} s", code="body_too_slow",
                    headers={"Connection": "close"},
                ) from error  # fmt: skip
            if message["type"] == "http.disconnect":
                raise client_gone()
            num_bytes += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if num_bytes > max_bytes:
                raise too_large
            return message

        return receive_bounded
