# python -m pytest tests/test_serving_secrets.py
"""A canary in keys, texts, names and queries: no log line and no figure has it."""

import base64
import hashlib
import io
import json
import logging
import socket
import sys

import httpx2
import pytest

from asr.serving import keys
from asr.serving.keys import VARIABLE, name_of_key
from asr.serving.logs import JsonFormatter, log_to_stdout
from tests.examples import tone, wav
from tests.serving import MODELS, running, write_repository
from tests.tiny_families import WHISPER

CANARY = "Zaunkoenig"
KEY = f"key-{CANARY}"
LABELS = '<View><Audio name="a" value="$sound"/><TextArea name="t" toName="a"/></View>'


@pytest.fixture(scope="module")
def folder(made_once, tmp_path_factory):
    model = made_once("predict-whisper", lambda f: WHISPER.write_base(f / "model")) / "model"
    folder = tmp_path_factory.mktemp("served")
    write_repository(folder, {"tuned": model})
    # The text of the second one is the canary, and the third does not load.
    for name in ("says", "broken"):
        write_repository(folder, {f"package/{name}": model})
    tokens = (folder / "models/package/says/tokenizer.json").read_text()
    assert "filler" in tokens
    (folder / "models/package/says/tokenizer.json").write_text(tokens.replace("filler", CANARY))
    (folder / "models/package/broken/model.safetensors").write_bytes(CANARY.encode())
    return folder


def requests(clip):
    """Method, path and more of requests over all routes and kinds of errors."""
    name = {"file": (f"{CANARY}.wav", clip)}
    bad = {"file": (f"{CANARY}.wav", CANARY.encode())}
    openai = "/v1/audio/transcriptions"
    task = {"id": 1, "data": {"sound": f"/{CANARY}.wav", "language": CANARY}}
    yield "POST", openai, {"files": name, "data": {"model": "says"}}
    yield "POST", openai, {"files": name, "data": {"model": "says", "stream": "true"}}
    yield "POST", openai, {"files": name, "data": {"model": "says", "response_format": "srt"}}
    yield "POST", openai, {"files": name, "data": {"model": "broken"}}
    yield "POST", openai, {"files": name, "data": {"model": "says", "prompt": CANARY}}
    yield "POST", openai, {"files": name, "data": {"model": "says", CANARY: CANARY}}
    for files in (name, bad):
        for data in ({}, {"model": CANARY}, {"language": CANARY}, {"language": "zz"}):
            yield "POST", f"/transcribe/file?q={CANARY}", {"files": files, "data": data}
    for audio in (clip, CANARY.encode()):
        body = {"audio": base64.b64encode(audio).decode(), "model": "says"}
        yield "POST", "/transcribe", {"json": body}
    for body in ({"audio": CANARY}, {CANARY: CANARY}, [CANARY], CANARY):
        yield "POST", "/transcribe", {"json": body}
    yield "POST", "/upload", {"files": name}
    yield "POST", f"/process/whisper/{CANARY}?model={CANARY}", {}
    for url in (f"/{CANARY}.wav", f"file://{CANARY}"):
        task = {"id": 1, "data": {"sound": url}}
        yield "POST", "/predict", {"json": {"tasks": [task], "label_config": LABELS}}
    task = {"id": 1, "data": {"sound": "/a", "language": CANARY}}
    yield "POST", "/predict", {"json": {"tasks": [task], "label_config": LABELS}}
    yield "POST", "/predict", {"json": {"tasks": [], "label_config": f"<{CANARY}"}}
    yield "POST", "/setup", {"json": {"project": CANARY, "schema": CANARY}}
    for path in ("/healthz", "/readyz", "/health", "/models", "/v1/models", "/docs", "/metrics",
                 "/openapi.json", f"/v1/models/{CANARY}", f"/{CANARY}?{CANARY}"):  # fmt: skip
        yield "GET", path, {"params": {CANARY: CANARY}}
        yield CANARY.upper(), path, {}


RAW = [
    f"{CANARY} {CANARY}\r\n\r\n",
    f"GET /{CANARY} HTTP/1.1\r\nHost: {CANARY}\r\nHost: {CANARY}\r\n\r\n",
    f"GET /{CANARY} HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: a b {CANARY}\r\n\r\n",
    f"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: {CANARY}\r\nConnection: upgrade\r\n\r\n",
    f"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n{CANARY}:\r\n\r\n",
    f"POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{CANARY}\r\n",
]


@pytest.fixture
def printed(capfd, monkeypatch):
    """The server's log as ``commands.serve`` writes it; returns all that was printed."""
    root, out = logging.getLogger(), io.StringIO()
    before = root.handlers[:], root.level, logging.raiseExceptions
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", out)
        log_to_stdout()
    yield lambda: out.getvalue() + "".join(capfd.readouterr())
    root.handlers, root.level, logging.raiseExceptions = before
    logging.captureWarnings(False)


@pytest.mark.integration
def test_logs_and_metrics_have_no_text_name_query_or_key(folder, monkeypatch, printed):
    monkeypatch.setenv(VARIABLE, f"ann:{hashlib.sha256(KEY.encode()).hexdigest()}")
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", CANARY)
    changes = {"models": MODELS, "limits": {"wrong_keys_per_minute": 100},
               "label_studio": {"url": f"http://127.0.0.1:1/{CANARY}"}}  # fmt: skip
    texts, statuses = "", set()
    with running(folder, **changes) as run, httpx2.Client(base_url=run.url, timeout=60) as client:
        for method, path, more in requests(wav(tone(0.4))):
            for key in (f"Bearer {KEY}", f"Basic {CANARY}"):
                answer = client.request(method, path, headers={"Authorization": key}, **more)
                statuses.add(answer.status_code)
                texts += answer.text
                assert KEY not in answer.text
        metrics = client.get("/metrics").text
        for raw in RAW:
            host, port = run.url.removeprefix("http://").split(":")
            with socket.create_connection((host, int(port)), timeout=10) as one:
                one.sendall(raw.encode())
                one.recv(1 << 16)
    assert CANARY in texts  # a model said it
    assert statuses >= {200, 400, 401, 404, 405, 502, 503}
    assert 500 not in statuses
    assert CANARY.lower() not in metrics.lower()
    found = printed()
    assert [line for line in found.splitlines() if CANARY.lower() in line.lower()] == []
    assert found.count('"key": "ann"') > 30
    assert '"event": "a model does not load"' in found  # with places, without the error's text


def test_another_packages_message_is_not_in_the_log():
    record = logging.LogRecord("asyncio", logging.ERROR, __file__, 7, CANARY, (), None)
    line = json.loads(JsonFormatter().format(record))
    assert (line["logger"], line["at"]) == ("asyncio", [f"{__file__}:7"])
    try:
        raise ValueError(CANARY)
    except ValueError:
        record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 1, "x", (), sys.exc_info())
    found = JsonFormatter().format(record)
    assert (json.loads(found)["error"], CANARY in found) == ("ValueError", False)


def test_each_key_is_compared_in_constant_time_whichever_it_is(monkeypatch):
    names = {hashlib.sha256(key.encode()).hexdigest(): key for key in ("a", "b", "c")}
    compared = []
    original = keys.hmac.compare_digest

    def counted(one, other):
        compared.append((one, other))
        return original(one, other)

    monkeypatch.setattr(keys.hmac, "compare_digest", counted)
    for sent, expected in (("a", "a"), ("c", "c"), ("d", None), ("", None), ("a" * 10_000, None)):
        compared.clear()
        assert name_of_key({"authorization": f"Bearer {sent}"}, names) == expected
        # Digests of one length, each of them: neither the place nor the length of a key shows.
        assert [len(one) for pair in compared for one in pair] == [64] * 6


@pytest.mark.parametrize("place", ["key", "api_key", "token", "access_token", "authorization"])
def test_a_key_counts_in_its_header_alone(place):
    names = {hashlib.sha256(b"a").hexdigest(): "a"}
    assert (
        name_of_key({place if place != "authorization" else "x-authorization": "a"}, names) is None
    )
    assert name_of_key({"authorization": "a"}, names) is None
    assert name_of_key({"cookie": f"{place}=a"}, names) is None
