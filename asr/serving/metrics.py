"""Figures for Prometheus; no text, no audio, no key and no address is among them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600)
CLIPS = (1, 2, 4, 8, 16, 32, 64, 128)


def _registry() -> CollectorRegistry:
    return CollectorRegistry()


@dataclass
class Metrics:
    """The figures of one server."""

    registry: CollectorRegistry = field(default_factory=_registry)

    def __post_init__(self) -> None:
        here: dict[str, Any] = {"registry": self.registry, "namespace": "mothertongue"}
        route = ("route", "status")
        self.requests = Counter("requests", "Requests", route, **here)
        self.request_s = Histogram(
            "request_seconds", "Seconds of requests", ("route",), buckets=SECONDS, **here
        )
        self.refused = Counter("refused", "Requests refused by a limit", ("reason",), **here)
        self.open_requests = Gauge("open_requests", "Requests with audio that run", **here)
        self.waiting_pieces = Gauge("waiting_pieces", "Pieces of audio that wait", **here)
        self.waiting_s = Gauge("waiting_audio_seconds", "Seconds of audio that wait", **here)
        self.model_bytes = Gauge("model_bytes", "Estimated memory of loaded models", **here)
        work = ("model", "step")
        self.audio_s = Counter("audio_seconds", "Seconds of audio computed", work, **here)
        self.compute_s = Counter("compute_seconds", "Seconds of computing", work, **here)
        self.batch_clips = Histogram(
            "batch_clips", "Pieces in a batch", work, buckets=CLIPS, **here
        )

    def batch(self, model: str, step: str, num: int, audio_s: float, compute_s: float) -> None:
        """Count a batch."""
        self.audio_s.labels(model, step).inc(audio_s)
        self.compute_s.labels(model, step).inc(compute_s)
        self.batch_clips.labels(model, step).observe(num)

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self.requests.labels(route, str(status)).inc()
        self.request_s.labels(route).observe(seconds)

    def watch(
        self,
        waiting_pieces: Callable[[], float],
        waiting_s: Callable[[], float],
        model_bytes: Callable[[], float],
    ) -> None:
        """Read these when somebody asks."""
        self.waiting_pieces.set_function(waiting_pieces)
        self.waiting_s.set_function(waiting_s)
        self.model_bytes.set_function(model_bytes)

    def text(self) -> bytes:
        """As Prometheus reads it."""
        return generate_latest(self.registry)
