# python -m pytest tests/test_serving_queue.py
"""Who is decoded next, with whom, and by which of several models."""

import asyncio
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from asr.core.params import load_params
from asr.decoding.params import DecodeParams
from asr.serving.batcher import Batcher
from asr.serving.models import LoadedModels
from asr.serving.queue import FairQueue, Work
from asr.serving.transcription import Transcription
from asr.utterances.hypothesis import Hypothesis
from tests.pipeline_repo import wait_for
from tests.serving import serve_params

RATE = 16_000


def request(name: str, durations_s, model: str = "tuned") -> Transcription:
    """A request whose pieces have these lengths."""

    async def made():
        ends = np.cumsum(durations_s)
        bounds = [(int((end - one) * RATE), int(end * RATE))
                  for one, end in zip(durations_s, ends, strict=True)]  # fmt: skip
        waveform = np.zeros(bounds[-1][1], np.float32)
        return Transcription(model, "be", False, waveform, bounds)

    found = asyncio.run(made())
    found.name = name
    return found


def queue_of(*requests: Transcription) -> FairQueue:
    queue = FairQueue()
    for one in requests:
        for index in range(len(one.bounds)):
            queue.add(Work(one, index, "decode"))
    return queue


def take(
    queue: FairQueue, batch_seconds: float = 30.0, may_run=lambda work: True, num_batches: int = 1
) -> list[str]:
    found = queue.take(
        may_run, lambda model, step: lambda s: s, batch_seconds, lambda model, s: num_batches
    )
    return [f"{work.request.name}{work.index}" for work in found]


def test_a_short_clip_comes_before_the_pieces_of_a_long_file():
    queue = queue_of(request("long", [30.0] * 100))
    assert [take(queue), take(queue)] == [["long0"], ["long1"]]
    queue.add(Work(request("short", [2.0]), 0, "decode"))
    assert [take(queue), take(queue)] == [["short0"], ["long2"]]


def test_a_stream_of_short_clips_stops_no_long_file():
    queue = queue_of(request("long", [30.0] * 100))
    take(queue)
    taken = []
    for name in "abcdef":
        queue.add(Work(request(name, [25.0]), 0, "decode"))
        taken += take(queue)
    assert taken == ["a0", "long1", "b0", "long2", "c0", "long3"]


def test_long_files_take_turns():
    queue = queue_of(request("a", [30.0] * 3), request("b", [30.0] * 2), request("c", [30.0]))
    assert [take(queue)[0] for _ in range(6)] == ["a0", "b0", "a1", "c0", "b1", "a2"]
    assert take(queue) == []


def test_clips_of_many_requests_fill_a_batch_by_seconds():
    queue = queue_of(*(request(str(i), [2.0]) for i in range(20)))
    assert len(take(queue)) == 15  # of 2 s each: 30 s
    assert len(take(queue)) == 5


def test_a_short_clip_is_not_padded_to_a_long_one():
    queue = queue_of(request("long", [20.0]), *(request(str(i), [1.0]) for i in range(3)))
    assert take(queue) == ["long0"]
    assert sorted(take(queue)) == ["00", "10", "20"]


def test_few_clips_are_shared_by_the_workers_and_none_is_left_over():
    queue = queue_of(*(request(str(i), [one]) for i, one in enumerate([1.0, 1.1, 1.2, 4.0, 4.1])))
    assert sorted(take(queue, num_batches=2)) == ["00", "10", "20"]
    assert sorted(take(queue)) == ["30", "40"]


def test_a_batch_is_of_one_model_and_step():
    other = request("other", [1.0], model="base")
    one, again = request("one", [1.0]), request("again", [1.0])
    queue = queue_of(one, other)
    queue.add(Work(again, 0, "again"))
    assert [take(queue) for _ in range(3)] == [["one0"], ["other0"], ["again0"]]


def test_what_was_dropped_is_not_taken_and_a_next_step_comes_first():
    gone, one = request("gone", [1.0] * 9), request("one", [30.0, 30.0])
    queue = queue_of(gone, one)
    queue.drop(gone)
    assert take(queue) == ["one0"]
    queue.add_next(Work(one, 0, "align"))
    assert take(queue) == ["one0"]
    assert queue.waiting_s == pytest.approx(30.0)
    queue.drop(one)
    assert len(queue) == 0


def test_a_model_without_a_place_lets_others_pass():
    queue = queue_of(request("one", [1.0]), request("other", [1.0], model="base"))
    assert take(queue, may_run=lambda work: work.request.model == "base") == ["other0"]


class Engine:
    """Notes the seconds of each batch, and takes its time."""

    num_workers, device = 2, "cpu"

    def __init__(self, batch_s: float = 0.0) -> None:
        self.batches: list[list[float]] = []
        self.began, self._batch_s = threading.Event(), batch_s

    def transcribe(self, waveforms, utterances, context_s, budgets):
        self.batches.append(sorted(one.duration_s for one in utterances))
        self.began.set()
        time.sleep(self._batch_s)
        return [Hypothesis(id=one.id, text="a", num_tokens=2, mean_log_prob=0.0, runaway=False)
                for one in utterances]  # fmt: skip


@contextmanager
def batching(engine: Engine, gather_s: float):
    """A batcher of one loaded model."""
    computed = SimpleNamespace(first=lambda s: s, again=None)
    found = {"tuned": SimpleNamespace(weights_bytes=1)}
    models = LoadedModels(found, 9, lambda one: SimpleNamespace(
        num_bytes=1, engine=engine, computed=computed, close=lambda: None
    ))  # fmt: skip
    models.load("tuned")
    decode = load_params("decode", DecodeParams)
    params = serve_params().models.model_copy(update={"gather_s": gather_s})
    batcher = Batcher(models, decode, engine.num_workers, params, lambda *figures: None)
    try:
        yield batcher
    finally:
        batcher.stop()


def test_a_batch_waits_for_a_request_that_is_being_read():
    engine = Engine()
    engine.num_workers = 1
    with batching(engine, gather_s=30.0) as batcher:
        with batcher.coming():
            batcher.submit(request("first", [1.0]))
            assert not engine.began.wait(0.1)
            batcher.submit(request("second", [1.5]))
        assert engine.began.wait(5)
    assert engine.batches == [[1.0, 1.5]]


def test_a_batch_waits_for_no_upload_that_is_slow_and_a_client_alone_for_nobody():
    engine = Engine()
    with batching(engine, gather_s=0.05) as batcher, batcher.coming():
        batcher.submit(request("first", [1.0]))
        assert engine.began.wait(5)
    engine = Engine()
    with batching(engine, gather_s=30.0) as batcher:
        batcher.submit(request("alone", [1.0]))
        assert engine.began.wait(5)


def test_the_workers_have_equal_shares():
    engine = Engine(batch_s=0.3)
    with batching(engine, gather_s=30.0) as batcher:
        with batcher.coming():
            for number in range(8):
                batcher.submit(request(str(number), [1.0]))
        assert engine.began.wait(5)
        wait_for(lambda: len(engine.batches) == 2)
    assert engine.batches == [[1.0] * 4] * 2


def loaded_models(max_bytes: float) -> LoadedModels:
    found = {name: SimpleNamespace(name=name, weights_bytes=40) for name in ("a", "b", "c")}
    return LoadedModels(found, max_bytes, lambda one: SimpleNamespace(
        num_bytes=one.weights_bytes, engine=SimpleNamespace(num_workers=2), close=lambda: None
    ))  # fmt: skip


def test_the_least_recently_used_model_goes():
    models = loaded_models(100)
    for name in ("a", "b"):
        assert models.to_evict(name) == []
        models.load(name)
    models.use("a")
    assert models.to_evict("c") == ["b"]
    models.evict("b")
    models.load("c")
    assert models.names == ["a", "c"]
    assert models.num_bytes == 80


def test_models_that_grew_make_room():
    models = loaded_models(100)
    first, second = models.load("a"), models.load("b")
    second.num_bytes = 80
    models.shrink(idle=lambda name: False)
    assert models.names == ["a", "b"]
    models.shrink(idle=lambda name: True)
    assert models.names == ["b"]
    assert first.num_bytes == 40


def test_the_next_step_of_a_files_first_piece_comes_first():
    """Each goes to the head of its request, so the first must go last: a stream begins with it."""
    found = SimpleNamespace(runaway=False, text="a")
    engine = SimpleNamespace(transcribe=lambda clips, *_: [found for _ in clips])
    model = SimpleNamespace(engine=engine, computed=SimpleNamespace(first=lambda s: s, again=None))
    decode = SimpleNamespace(max_tokens_per_s=1.0, min_token_budget=1)
    order = []
    batcher = SimpleNamespace(_decode=decode, _decoded=lambda work, _: order.append(work.index))
    request = SimpleNamespace(piece_s=lambda _: 1.0, piece_waveform=lambda _: None,
                              utterance=lambda _: None)  # fmt: skip
    batch = [Work(request, index, "decode") for index in (2, 0, 1)]
    Batcher._transcribe(batcher, model, batch)
    assert order == [2, 1, 0]
