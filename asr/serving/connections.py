"""Connections that stall, which uvicorn keeps open forever.

It has a time limit between two requests, but none for the headers of one, nor for a client that
doesn't read its answer. So a few hundred connections with half a header each would take all files
that the process may open ("slowloris").

The protocol is uvicorn's on h11, which every installation has and which refuses headers of more
than 16 KiB; the one on httptools, which uvicorn prefers where it is installed, has no limit.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

from asr.serving.params import LimitsParams


def protocol(limits: LimitsParams) -> type[asyncio.Protocol]:
    """uvicorn's protocol with these limits, for one server."""
    idle: dict[_Connection, None] = {}  # those without a request, the longest first

    class Connection(_Connection):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            self.limits, self.idle = limits, idle

    return Connection


class _Connection(H11Protocol):
    limits: LimitsParams
    idle: "dict[_Connection, None]"
    _no_request: asyncio.TimerHandle | None = None
    _no_reader: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for headers; make room if there are too many connections."""
        super().connection_made(cast(asyncio.Transport, transport))
        if len(self.connections) > self.limits.max_connections:
            longest = next(iter(self.idle), self)
            longest._stop_waiting()
            longest.transport.abort()
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Stop to wait if these are the last bytes of the headers."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are no HTTP; a request that they belong to gets no second answer."""
        super().send_400_response(msg)
        if self.cycle is not None:
            self.cycle.disconnected = True

    def on_response_complete(self) -> None:
        """Wait for the next request, and for the last bytes of the answer to go."""
        super().on_response_complete()
        if self.cycle.response_complete:  # else the next one was there already
            self._wait()

    def pause_writing(self) -> None:
        """Called when 64 KiB of the answer are not read."""
        super().pause_writing()
        self._no_reader = self.loop.call_later(self.limits.max_stall_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Called when the client has read most of them."""
        super().resume_writing()
        self._stop(self._no_reader)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        self._stop_waiting()
        self._stop(self._no_reader)

    def _wait(self) -> None:
        self._stop_waiting()
        self.idle[self] = None
        self._no_request = self.loop.call_later(self.limits.max_stall_s, self.transport.abort)

    def _stop_waiting(self) -> None:
        self.idle.pop(self, None)
        self._stop(self._no_request)

    def _stop(self, timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()
