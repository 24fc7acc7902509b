# python -m pytest tests/test_serving_benchmark.py
"""The load on servers that are compared, and the table of it."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from benchmarks import serving
from benchmarks.load import Answer, Load, put_load, request
from benchmarks.servers import OURS, PEER, started
from benchmarks.serving import CLIENTS, Cell, cells, compare_all, earlier, figures, measure
from benchmarks.serving_table import serving_table
from benchmarks.targets import targets
from tests.examples import utterance
from tests.serving import write_repository
from tests.tiny_families import ROOT
from tests.tiny_whisper import write_transformers

MEMORY = {"peak": 300, "after_a_third": 280, "end": 290}


@contextmanager
def answering(status_of):
    """A server that answers each request with its number, and the status of it."""
    count = iter(range(10**6))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            number = next(count)
            sent = self.rfile.read(int(self.headers["content-length"]))
            body = json.dumps({"text": f"{number} {sent.count(b'RIFF')}"}).encode()
            self.send_response(status_of(number))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/audio/transcriptions"
    finally:
        server.shutdown()
        server.server_close()


def test_clients_send_the_next_clip_when_they_have_their_answer():
    with answering(lambda number: 200) as url:
        load = put_load(url, [request(url, b"RIFF", {"language": "be"})] * 3, 2, 0.3)
    assert (load.num_errors, load.unanswered) == (0, 0)
    assert sorted(answer.text for answer in load.answers)[0] == "0 1"
    assert {answer.clip for answer in load.answers[:3]} <= {0, 1, 2}
    assert len(load.answers) > 3  # from the first clip again
    assert load.clips_a_s == pytest.approx(len(load.answers) / 0.3, rel=0.2)


def test_an_answer_with_another_status_is_an_error_and_no_clip():
    with answering(lambda number: 200 if number % 2 else 429) as url:
        load = put_load(url, [request(url, b"RIFF", {})], 1, 0.5)
    assert load.num_errors >= 2
    assert "429" in load.errors[0]
    assert all(answer.text for answer in load.answers[1::2])


def test_latencies_are_percentiles_and_late_answers_do_not_count_as_speed():
    answers = [Answer(0, 0.0, n / 10, "a") for n in range(1, 101)] + [Answer(0, 0.0, 99.0, None)]
    load = Load(5.0, answers)
    assert [load.latency_s(p) for p in (50, 95, 99)] == [5.1, 9.6, 10.0]
    assert load.clips_a_s == 10  # 50 of them came within 5 s
    assert load.num_errors == 1


CLIPS = [(np.zeros(1, np.float32), utterance(f"{n}", text="Рыба", language="be"))
         for n in range(12)]  # fmt: skip


def cell(server, text, every_s, cpu_s):
    """A cell in which 12 clips got the same text, one after the other."""
    load = Load(120.0, [Answer(n, n * every_s, every_s, text) for n in range(12)])
    facts = Cell(server, "starter", 8, 120.0).facts()
    return facts | figures(load, CLIPS, cpu_s * 12, 0.1) | {"memory_mb": MEMORY}


def result(measured):
    corpora = {"starter": serving.Corpus("starter", CLIPS)}
    facts = {"machine": {"cores": 2, "cpu": "a CPU"}, "clips": {"starter": {"mean_s": 1.4}}}
    found = {**facts, "cells": measured, "compared": compare_all(measured, corpora)}
    return json.loads(json.dumps(found, sort_keys=True))


def test_the_table_says_how_many_times_better_ours_is():
    measured = [cell(OURS, "рыба", 0.5, 0.05), cell(PEER, "риба", 10.0, 1.0)]
    table = serving_table(result(measured)).splitlines()
    assert table[-2].startswith("| starter clips | 8 | ours | 0.10 | 0.500, 0.500, 0.500 | 0.050 |")
    assert table[-2].endswith("| 300, 280, 290 | 0 of 12 | 0.000 |")
    assert "| 10.000, 10.000 (ours 20.0 times better), 10.000 |" in table[-1]
    assert "| 1.000 (ours 20.0 times better) |" in table[-1]
    assert table[-1].endswith("| 1.000 (-1.000 [-1.265, -0.735] on 12 clips) |")


def test_a_server_that_never_answers_has_dashes():
    silent = figures(Load(30.0, [], [], 8), CLIPS, 5.0, 0.1)
    facts = Cell(PEER, "starter", 8, 30.0).facts() | {"memory_mb": MEMORY}
    found = result([cell(OURS, "рыба", 1.0, 0.05), facts | silent])
    assert "| 0.00 | –, –, – | – |" in serving_table(found).splitlines()[-1]
    assert found["compared"][0]["times"] is None


def test_a_missed_target_of_speed_has_the_cpu_seconds_beside_it():
    measured = [cell(OURS, "рыба", 1.0, 0.05), cell(PEER, "рыба", 10.0, 1.0)]
    found = targets({"serving": result(measured)}, margin_s=0.5)
    assert [(one.goal, one.reached, one.met) for one in found] == [("15 times", "1.0 times", False)]
    assert found[0].reason == "by CPU seconds 20.0 times"


def test_a_run_that_was_stopped_goes_on_and_a_whole_one_begins_again(tmp_path, monkeypatch):
    monkeypatch.setattr(serving, "RESULTS", tmp_path)
    wanted = cells(60.0, [OURS, PEER], quick=False)
    assert len(wanted) == 2 * 2 * len(CLIENTS)
    whole = [one.facts() for one in wanted]
    facts = {"model_sha256": "a"}
    for there, left in ((whole[:3], whole[:3]), (whole, [])):
        (tmp_path / "serving.json").write_text(json.dumps(facts | {"cells": there}))
        assert earlier(facts, wanted) == left
    (tmp_path / "serving.json").write_text(json.dumps(facts | {"cells": whole[:3]}))
    assert earlier({"model_sha256": "b"}, wanted) == []
    assert earlier(facts, cells(30.0, [OURS, PEER], quick=False)) == []


STOPPED = """
import sys
from pathlib import Path
from benchmarks import servers
servers.end_servers_on_sigterm()
servers.peer_server = lambda *_: ["-c", "import time; time.sleep(60)"]
servers._wait = lambda process, *_: print(process.pid, flush=True)
with servers.started(servers.PEER, Path(), Path(), Path(sys.argv[1]), 1):
    servers.time.sleep(60)
"""


@pytest.mark.integration
def test_a_benchmark_that_is_stopped_ends_its_server(tmp_path):
    words = [sys.executable, "-c", STOPPED, str(tmp_path)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        server = int(process.stdout.readline())
        process.terminate()
        assert process.wait(30) == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)


@pytest.mark.slow
def test_both_servers_answer_and_a_batch_of_the_peer_has_the_texts_of_its_clips(
    tmp_path, monkeypatch
):
    from benchmarks.conversions import to_ctranslate2

    sizes = {"num_mel_bins": 80, "max_source_positions": 1500, "max_target_positions": 448}
    write_transformers(tmp_path / "model", **sizes)
    write_repository(tmp_path, {"tuned": tmp_path / "model"})
    converted = to_ctranslate2(tmp_path / "model", tmp_path / "converted", "int8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    noise = np.random.default_rng(1)
    clips = [(noise.normal(0, 0.1, 16_000 * n).astype(np.float32),
              utterance(f"{n}", language=language, duration_s=float(n)))
             for n, language in ((1, "be"), (2, "bg"), (3, "be"))]  # fmt: skip
    texts = {}
    for server, num_clients in ((OURS, 1), (PEER, 1), (PEER, 8)):
        with started(server, tmp_path / "models/tuned", converted, tmp_path, num_clients) as here:
            load = put_load(
                here.url,
                [request(here.url, serving.wav(one),
                         {"model": "whisper-1", "language": one[1].language}) for one in clips],
                num_clients, 2.0,
            )  # fmt: skip
            found = measure(Cell(server, "starter", num_clients, 1.0), here, clips)
        assert (load.num_errors, load.unanswered, found["errors"]) == (0, 0, 0), load.errors
        assert found["answers"] >= 1
        assert found["memory_mb"]["peak"] >= found["memory_mb"]["end"] > 50
        assert found["cpu_s_a_clip"] > 0
        texts[server, num_clients] = {a.clip: a.text for a in load.answers}
    assert texts[PEER, 1] == texts[PEER, 8]
    assert len(set(texts[PEER, 1].values())) > 1
