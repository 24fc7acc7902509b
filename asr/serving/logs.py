"""One JSON line a request: when, which, how long, with what status; never text, audio or keys.

The lines have the keys of training's log too, so that one program reads both.
"""

import json
import logging
import re
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asr.serving.errors import ApiError
from asr.serving.metrics import Metrics

log = logging.getLogger("serve")
HEADER = "X-Request-ID"
OWN = {"serve", "uvicorn"}  # loggers whose messages are known to quote nothing
METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}
_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")  # another one is replaced: it goes into logs


class JsonFormatter(logging.Formatter):
    """A line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """See ``logging.Formatter``."""
        line: dict[str, Any] = {
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "request_id": None,
            "stage": "serve",
            "step": None,
            "loss": None,
            "lr": None,
            "gpu_utilization": None,
            "memory": memory_mib(),
            **_values(record),
        }
        if record.exc_info and record.exc_info[0]:
            # No message of an error that was not foreseen: it might quote what somebody said.
            line["error"] = record.exc_info[0].__name__
            line["at"] = _places(record)
        return json.dumps(line, ensure_ascii=False)


def _values(record: logging.LogRecord) -> dict[str, Any]:
    if record.name.partition(".")[0] in OWN:
        return getattr(record, "values", None) or {"event": record.getMessage()}
    # A package's message may quote what somebody said, or the name of a file.
    place = f"{record.pathname}:{record.lineno}"
    return {"event": "a package's message", "logger": record.name, "at": [place]}


def _places(record: logging.LogRecord) -> list[str]:
    """File and line of each call that led to an error."""
    places, frame = [], record.exc_info[2] if record.exc_info else None
    while frame:
        places.append(f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}")
        frame = frame.tb_next
    return places


def memory_mib() -> float:
    """The peak memory of this process."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 2**20 if sys.platform == "darwin" else peak / 2**10, 1)


def log_not_loaded(model: str, error: Exception) -> None:
    """Log why a model does not load; only files are read then, so no request's text is in it."""
    values = {"event": "a model does not load", "model": model, "why": str(error)}
    log.error("a model does not load", exc_info=error, extra={"values": values})


def log_to_stdout() -> None:
    """Write the lines of this server, and warnings of all packages, to standard output."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # else a broken output prints errors with their messages
    logging.getLogger("serve").setLevel(logging.INFO)


class Logged:
    """The outermost layer: gives each request its id, answers errors, logs and counts."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if _ID.fullmatch(given) else uuid4().hex
        state = scope.setdefault("state", {})
        state["request_id"], state["facts"] = request_id, {}
        started, status = time.perf_counter(), [0]

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                status[0] = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        try:
            await self._answer(scope, receive, send_with_id, lambda: status[0])
        finally:
            # Not the path of an unknown route: people put all kinds of things there.
            route = getattr(scope.get("route"), "path", "other")
            seconds = time.perf_counter() - started
            self.metrics.request(route, status[0], seconds)
            method = scope["method"] if scope["method"] in METHODS else "other"
            values = {
                "event": "request", "request_id": request_id, "method": method,
                "route": route, "status": status[0], "seconds": round(seconds, 4), **state["facts"],
            }  # fmt: skip
            log.info("request", extra={"values": values})

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, status: Callable[[], int]
    ) -> None:
        request_id = scope["state"]["request_id"]
        try:
            await self.app(scope, receive, send)
        except Exception:
            values = {"event": "error", "request_id": request_id}
            log.exception("error", extra={"values": values})
            if status():
                raise  # the answer has begun: only a broken connection can show that it ends early
            await send_error(ApiError(500, "an error of the server"), request_id, send)


async def send_error(error: ApiError, request_id: str, send: Send) -> None:
    """Answer with an error, below all frameworks."""
    body = json.dumps(error.body(request_id)).encode()
    given = dict(error.headers or {})
    headers = [(name.lower().encode(), value.encode()) for name, value in given.items()]
    headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": error.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": body})
