# python -m pytest tests/test_serving_limits.py
"""Who is let in, what is too much, and whose work stops."""

import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from asr.core.errors import InputError
from asr.serving.keys import VARIABLE, load_keys
from asr.serving.limits import Rates
from asr.serving.params import load_serve_params
from tests.examples import tone, wav
from tests.pipeline_repo import wait_for
from tests.serving import MODELS, gated, running, serve_params, write_repository
from tests.tiny_families import ROOT, WHISPER

CLIP = wav(tone(0.4))
FILES = {"file": ("x.wav", CLIP)}
HASHES = {name: hashlib.sha256(key.encode()).hexdigest()
          for name, key in {"ann": "key-of-ann", "bob": "key-of-bob"}.items()}  # fmt: skip


@pytest.fixture(scope="module")
def model(made_once):
    return made_once("predict-whisper", lambda f: WHISPER.write_base(f / "model")) / "model"


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    write_repository(folder, {"tuned": model})
    return folder


@pytest.fixture(scope="module")
def run(folder):
    limits = {"max_body_mb": 0.5, "max_json_mb": 0.01, "max_duration_s": 10.0,
              "max_body_s": 3.0, "max_requests": 3, "max_waiting_s": 8.0}  # fmt: skip
    with running(folder, models=MODELS, limits=limits) as run:
        yield run


@pytest.fixture(scope="module")
def hurried(folder):
    with running(folder, models=MODELS, limits={"max_total_s": 1.5}) as run:
        wait_for(lambda: post(run).status_code == 200)
        yield run


def post(run, route="/transcribe/file", timeout=30, **more):
    return httpx2.post(run.url + route, **{"files": FILES, "timeout": timeout, **more})


def error(answer):
    return answer.status_code, answer.json()["error"]["code"]


def num_open(run):
    return run.service.metrics.open_requests._value.get()


def idle(run):
    return not (run.service.batcher.num_waiting or num_open(run))


@pytest.mark.integration
def test_what_is_too_large_or_too_long_is_refused(run):
    assert error(post(run, files={"file": ("x", bytes(600_000))})) == (413, "body_too_large")
    assert error(post(run, "/transcribe", files=None, json={"audio": "a" * 20_000})) == (
        413,
        "body_too_large",
    )

    def endless():
        while True:
            yield bytes(100_000)

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'

    def body():
        yield head
        yield from endless()

    try:
        answer = post(run, files=None, content=body(), headers=headers)
    except httpx2.HTTPError:
        pass  # the server closed the connection before all was sent
    else:
        assert error(answer) == (413, "body_too_large")
    too_long = wav(tone(10.1, rate=8000), rate=8000, subtype="ULAW")
    assert error(post(run, files={"file": ("x", too_long)})) == (400, "audio_too_long")
    assert idle(run)


@pytest.mark.integration
def test_a_form_of_many_parts_is_refused(run):
    many = post(run, data={f"x{number}": "" for number in range(41)})
    assert (many.status_code, "Too many fields" in many.text) == (400, True)
    assert post(run, data={"model": "x" * 70_000}).status_code == 400
    files = [("file", ("a", CLIP)), ("file", ("b", CLIP))]
    assert post(run, files=files).status_code == 400
    strange = {"Content-Type": "application/x+json"}
    answer = post(run, "/transcribe", files=None, content=b" " * 20_000, headers=strange)
    assert error(answer) == (413, "body_too_large")


@pytest.mark.integration
def test_a_body_that_comes_too_slowly_is_not_waited_for(run):
    host, port = run.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(
            b"POST /transcribe/file HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
        )
        client.settimeout(60)
        assert client.recv(100).startswith(b"HTTP/1.1 408 ")
    wait_for(lambda: idle(run))


@pytest.mark.integration
def test_beyond_the_places_and_the_queue_is_429(run):
    with gated(run.service) as gate, ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(post, run)]
        assert gate.entered.wait(20)
        asked += [threads.submit(post, run, files={"file": ("x", wav(tone(6.0)))})]
        wait_for(lambda: num_open(run) == 2 and run.service.batcher.num_waiting)
        full = post(run, files={"file": ("x", wav(tone(5.0)))})
        assert (*error(full), full.headers["retry-after"]) == (429, "queue_full", "5")
        asked += [threads.submit(post, run)]
        wait_for(lambda: num_open(run) == 3)
        many = post(run)
        assert (*error(many), many.headers["retry-after"]) == (429, "too_many_requests", "5")
        gate.open.set()
        assert {one.result().status_code for one in asked} == {200}
    found = httpx2.get(f"{run.url}/metrics").text
    assert 'refused_total{reason="queue_full"} 1.0' in found
    assert 'refused_total{reason="too_many_requests"} 1.0' in found


@pytest.mark.integration
def test_after_the_total_time_the_work_stops(hurried):
    run = hurried
    with gated(run.service) as gate, ThreadPoolExecutor(1) as threads:
        first = threads.submit(post, run)
        assert gate.entered.wait(20)
        late = post(run, files={"file": ("x", wav(tone(6.0)))})
        assert error(late) == (504, "timeout")
        assert error(first.result()) == (504, "timeout")
        assert idle(run)
        gate.open.set()
        wait_for(lambda: not run.service.batcher._running["tuned"])
    assert gate.batches == [[0.4]]  # the pieces of the second were never decoded
    assert post(run).status_code == 200


@pytest.mark.integration
def test_a_stream_that_is_too_late_ends_with_an_error(hurried):
    run = hurried
    data = {"model": "tuned", "stream": "true"}
    with gated(run.service) as gate:
        answer = post(run, "/v1/audio/transcriptions", data=data)
        assert answer.status_code == 200
        assert '"code": "timeout"' in answer.text
        wait_for(lambda: idle(run), 20)
        gate.open.set()


@pytest.mark.integration
@pytest.mark.parametrize("stream", ["false", "true"])
def test_a_client_that_goes_away_frees_its_place(stream, run):
    with gated(run.service) as gate:
        with pytest.raises(httpx2.TimeoutException):
            post(run, "/v1/audio/transcriptions", data={"model": "tuned", "stream": stream},
                 files={"file": ("x", wav(tone(7.0)))}, timeout=1.0)  # fmt: skip
        assert gate.entered.is_set()
        wait_for(lambda: idle(run), 20)
        assert not run.service.batcher._queue._served
        gate.open.set()
        wait_for(lambda: not run.service.batcher._running["tuned"])
    assert len(gate.batches) == 1


@pytest.mark.integration
def test_a_page_of_another_site_gets_nothing(run):
    rebound = httpx2.get(f"{run.url}/v1/models", headers={"Host": "evil.example"})
    assert error(rebound) == (403, "unknown_host")
    answer = httpx2.get(f"{run.url}/v1/models", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.integration
def test_keys_rates_and_cors(folder, monkeypatch):
    monkeypatch.setenv(VARIABLE, f"ann:{HASHES['ann']}")
    (folder / "keys.txt").write_text(f"bob:{HASHES['bob']}\n")
    server = {"port": 0, "keys_file": "keys.txt", "cors": ["https://notes.example"]}
    limits = {"requests_per_minute": 3}
    with running(folder, models=MODELS, server=server, limits=limits) as run:
        ann = {"Authorization": "Bearer key-of-ann"}
        for wrong in ({}, {"Authorization": "Bearer no"}, {"Authorization": "Basic !"}):
            refused = post(run, headers=wrong)
            assert error(refused) == (401, "invalid_api_key")
            assert refused.headers["www-authenticate"] == "Bearer"
        stored = post(run, "/upload", headers=ann).json()["file_id"]
        url = f"/process/whisper/{stored}"
        assert error(post(run, url, auth=("x", "key-of-bob"))) == (404, "file_not_found")
        assert post(run, headers=ann).status_code == 200
        assert post(run, headers=ann).status_code == 200
        late = post(run, headers=ann)
        assert error(late) == (429, "rate_limit")
        assert 1 <= int(late.headers["retry-after"]) <= 20
        assert post(run, auth=("x", "key-of-bob")).status_code == 200
        for route in ("/healthz", "/readyz", "/health", "/metrics", "/docs", "/"):
            assert httpx2.get(run.url + route).status_code == 200, route
        asked = {"Origin": "https://notes.example", "Access-Control-Request-Method": "POST",
                 "Access-Control-Request-Headers": "authorization"}  # fmt: skip
        allowed = httpx2.options(f"{run.url}/v1/audio/transcriptions", headers=asked)
        assert allowed.headers["access-control-allow-origin"] == "https://notes.example"
        other = httpx2.options(f"{run.url}/upload", headers=asked | {"Origin": "https://x.example"})
        assert "access-control-allow-origin" not in other.headers


@pytest.mark.integration
def test_many_wrong_keys_are_answered_by_429_whatever_the_next_key(folder, monkeypatch):
    monkeypatch.setenv(VARIABLE, f"ann:{HASHES['ann']}")
    ann = {"Authorization": "Bearer key-of-ann"}
    with running(folder, models=MODELS, limits={"wrong_keys_per_minute": 3}) as run:

        def get(headers):
            return httpx2.get(f"{run.url}/v1/models", headers=headers)

        for number in range(3):
            assert get(ann).status_code == 200  # a right one costs nothing
            wrong = get({"Authorization": f"Bearer {number}"})
            assert error(wrong) == (401, "invalid_api_key")
        for headers in ({"Authorization": "Bearer 4"}, ann):
            late = get(headers)
            assert error(late) == (429, "too_many_wrong_keys")
            assert 1 <= int(late.headers["retry-after"]) <= 20
        in_url = httpx2.get(f"{run.url}/v1/models?api_key=key-of-ann")
        assert error(in_url) == (429, "too_many_wrong_keys")
        assert httpx2.get(f"{run.url}/healthz").status_code == 200
        assert (
            'refused_total{reason="too_many_wrong_keys"} 3.0'
            in httpx2.get(f"{run.url}/metrics").text
        )


def test_a_network_needs_keys_and_a_hash_has_its_form(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert load_keys(serve_params().server) == {}
    for host in ("0.0.0.0", "::", "192.168.1.5", "asr.example"):
        with pytest.raises(InputError, match=f"expected 127.0.0.1 without API keys, got {host}"):
            load_keys(serve_params(server={"host": host}).server)
    file = tmp_path / "keys"
    file.write_text(f"ann:{HASHES['ann']}\nbob:secret")
    with pytest.raises(InputError) as refused:
        load_keys(serve_params(server={"keys_file": str(file)}).server)
    assert str(refused.value) == f"{file}: key 2: expected name:sha256 in hexadecimal"


def test_a_rate_fills_again():
    rates = Rates(per_minute=2)
    assert [rates.wait_s("a", 0.0), rates.wait_s("a", 0.0)] == [0.0, 0.0]
    assert rates.wait_s("a", 0.0) == 30.0
    assert rates.wait_s("b", 0.0) == 0.0
    assert rates.wait_s("a", 15.0) == 15.0
    assert rates.wait_s("a", 31.0) == 0.0


@pytest.mark.parametrize(
    ("section", "values", "expected"),
    [
        ("limits", "max_requests: 0", "limits.max_requests: .*, got 0"),
        ("limits", "max_total_s: soon", "limits.max_total_s: .*, got 'soon'"),
        ("server", "cors: ['*']", r'server: cors: expected origins by name, got "\*"'),
        ("server", "colour: red", "server.colour: Extra inputs"),
    ],
)
def test_a_wrong_value_is_told_with_file_and_key(section, values, expected, tmp_path):
    key = values.partition(":")[0]
    content = (ROOT / "conf/serve.yaml").read_text()
    content = re.sub(rf"^  {key}: .*\n", "", content, flags=re.MULTILINE)
    path = tmp_path / "serve.yaml"
    path.write_text(content.replace(f"{section}:\n", f"{section}:\n  {values}\n"))
    with pytest.raises(InputError, match=rf"serve\.yaml: {expected}"):
        load_serve_params(path)


@pytest.mark.integration
def test_the_command_answers_what_runs_before_it_ends(folder, tmp_path):
    log = tmp_path / "log"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "commands.serve", "--port", "0"]
    with (
        log.open("w") as out,
        subprocess.Popen(command, cwd=folder, env=env, stdout=out) as process,
    ):
        try:
            wait_for(lambda: '"event": "start"' in log.read_text() or process.poll() is not None)
            url = re.search(r'"url": "([^"]+)"', log.read_text())[1]
            wait_for(lambda: httpx2.get(f"{url}/readyz").status_code == 200)
            with ThreadPoolExecutor(1) as threads:
                files = {"file": ("x", wav(tone(8.0)))}
                asked = threads.submit(
                    httpx2.post, f"{url}/transcribe/file", files=files,
                    data={"language": "be"}, timeout=60,
                )  # fmt: skip
                wait_for(lambda: "open_requests 1.0" in httpx2.get(f"{url}/metrics").text)
                process.send_signal(signal.SIGTERM)
                assert asked.result().json()["text"]
            assert process.wait(30) == -signal.SIGTERM  # as uvicorn ends
        finally:
            process.kill()
    assert '"status": 200' in log.read_text()
