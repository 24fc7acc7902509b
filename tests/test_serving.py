# python -m pytest tests/test_serving.py
"""The server's routes, asked by OpenAI's own client and by plain HTTP."""

import base64
import hashlib
import io
import json
import logging
import re
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import openai
import pytest

from asr.core.params import load_params
from asr.decoding.params import DecodeParams
from asr.devices.params import MachineParams
from asr.families.protocols import family_module
from asr.families.whisper.window import write_margin
from asr.serving.keys import load_keys
from asr.serving.logs import JsonFormatter
from asr.serving.models import FoundModel
from tests.bad_audio import whole_files
from tests.examples import tone, wav
from tests.serving import MODELS, gated, running, serve_params, write_repository
from tests.tiny_families import CTC, ROOT, WHISPER, utterances
from tests.web_server import serving

pytestmark = pytest.mark.integration
CLIP = wav(tone(0.4))
LONG = wav(tone(7.0))
ALL_FORMATS = whole_files(duration_s=0.4)
# Random weights never end a text, so budgets end it soon: 4 tokens for a short clip, 6 for 3 s.
SCORES = {"overall": {"wer": 0.5, "cer": 0.2}, "language be": {"wer": 0.4, "cer": 0.1}}


@pytest.fixture(scope="module")
def model(made_once):
    return made_once("predict-whisper", lambda f: WHISPER.write_base(f / "model")) / "model"


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    write_repository(folder, {"tuned": model, "base": model})
    write_margin(folder / "models/base", 0.5)  # so that a text that ran away is decoded again
    # A package has the model at its top, exports below.
    package = folder / "models/package/mine-1.0.0"
    shutil.copytree(model, package)
    shutil.copytree(model, package / "ctranslate2_int8")
    rates = {rate: {"base": 0.9, "tuned": value} for rate, value in SCORES["overall"].items()}
    (package / "run_manifest.json").write_text(json.dumps({"scores": {"test": rates}}))
    shutil.copytree(model, folder / "models/package/broken")
    (folder / "models/package/broken/model.safetensors").write_bytes(b"no weights")
    (folder / "metrics/score").mkdir(parents=True)
    groups = json.dumps({"groups": {**SCORES, "corpus be": {"wer": 0.4}}})
    (folder / "metrics/score/tuned.json").write_text(groups)
    return folder


@pytest.fixture(scope="module")
def run(folder):
    with running(folder, models=MODELS) as run:
        yield run


@pytest.fixture(scope="module")
def client(run):
    return run.client()


@pytest.fixture(scope="module")
def text(model):
    """What the engine alone writes for the clip."""
    engine = WHISPER.engine(model)
    one = utterances("be")[0].model_copy(update={"duration_s": 0.4})
    params = family_module("whisper", "decoding").OwnParams
    own = params(engine="auto", scripts=[], context="dynamic", fallback_margin_s=8.0)
    seconds = family_module("whisper", "decoding").computed_seconds(model, own)
    found = engine.transcribe([tone(0.4)], [one], seconds.first(0.4), [4])[0]
    assert found.text
    return found.text


def ask(client, content=CLIP, **more):
    more = {"model": "tuned", "language": "be"} | more
    return client.audio.transcriptions.create(file=("clip.wav", content), **more)


def test_openais_client_gets_the_engines_own_text(client, text):
    found = ask(client)
    assert found.text == text
    assert found.usage.seconds == 1
    assert ask(client, response_format="text") == f"{text}\n"
    assert ask(client, model="whisper-1").text == text


def test_a_long_file_is_cut_and_words_have_times(client):
    found = ask(client, LONG, response_format="verbose_json",
                timestamp_granularities=["word", "segment"])  # fmt: skip
    assert found.duration == 7.0
    assert found.language == "belarusian"
    assert " ".join(found.text.split()) == " ".join(one.text.strip() for one in found.segments)
    assert {one.seek for one in found.segments} > {0}
    words = [word.word for word in found.words]
    assert words
    assert set(words) <= set(found.text.split())
    starts = [word.start for word in found.words]
    assert starts == sorted(starts)
    assert 3.0 < max(word.end for word in found.words) <= 7.0
    assert ask(client, response_format="verbose_json").words is None


def test_subtitles_have_the_text_of_every_piece(client):
    plain = ask(client, LONG).text.split()
    for format_, begin in (("srt", "1\n00:00:0"), ("vtt", "WEBVTT\n")):
        found = ask(client, LONG, response_format=format_)
        assert found.startswith(begin)
        assert found.count(" --> ") >= 3
        assert [word for word in found.split() if word in plain] == plain


def test_a_stream_has_a_delta_for_each_piece(client):
    *deltas, done = ask(client, LONG, stream=True)
    assert {one.type for one in deltas} == {"transcript.text.delta"}
    assert done.type == "transcript.text.done"
    assert len(deltas) >= 2
    assert "".join(one.delta for one in deltas) == done.text == ask(client, LONG).text


def test_a_stream_of_verbose_json_ends_with_the_times(client):
    verbose = {"response_format": "verbose_json", "timestamp_granularities": ["word", "segment"]}
    *_, done = ask(client, LONG, stream=True, **verbose)
    plain = ask(client, LONG, **verbose).model_dump()
    times = ("text", "duration", "language", "segments", "words")
    assert {key: done.model_dump()[key] for key in times} == {key: plain[key] for key in times}
    assert plain["words"] and plain["segments"]


WRONG = {
    "prompt": {"prompt": "names"},
    "temperature": {"temperature": 0.7},
    "chunking_strategy": {"chunking_strategy": "manual"},
    "include[]": {"include": ["logprobs"]},
    "keywords[]": {"extra_body": {"keywords": ["a"]}},
    "response_format": {"response_format": "diarized_json"},
    "timestamp_granularities[]": {"timestamp_granularities": ["word"]},
    "language": {"language": "be-BY"},
    "stream": {"stream": True, "response_format": "srt"},
    "best_of": {"extra_body": {"best_of": "5"}},
}


@pytest.mark.parametrize("name", WRONG)
def test_a_parameter_that_no_model_has_is_refused_by_name(name, client):
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, **WRONG[name])
    assert refused.value.param == name
    assert name in refused.value.message
    assert refused.value.request_id


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "undecodable_audio"),
        (b"<html>", "undecodable_audio"),
        (CLIP[:-8000], "undecodable_audio"),
        (wav(tone(0.05)), "audio_too_short"),
    ],
)
def test_bad_audio_is_told_by_the_decoder(content, code, client):
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, content)
    assert (refused.value.param, refused.value.code) == ("file", code)


def test_a_language_that_the_model_lacks_costs_only_its_own_request(client, run, text):
    with gated(run.service) as gate, ThreadPoolExecutor(3) as threads:
        first = threads.submit(ask, client)
        assert gate.entered.wait(20)
        later = [threads.submit(ask, client, language=code) for code in ("xx", "be")]
        while run.service.batcher.num_waiting < 2:
            pass
        gate.open.set()
        assert first.result().text == later[1].result().text == text
        with pytest.raises(openai.BadRequestError, match="language: expected one of"):
            later[0].result()
    assert [len(batch) for batch in gate.batches] == [1, 2, 1, 1]


def test_requests_that_wait_are_decoded_together(client, run, text):
    with gated(run.service) as gate, ThreadPoolExecutor(9) as threads:
        asked = [threads.submit(ask, client)]
        assert gate.entered.wait(20)
        asked += [threads.submit(ask, client) for _ in range(8)]
        while run.service.batcher.num_waiting < 8:
            pass
        gate.open.set()
        assert {one.result().text for one in asked} == {text}
    # With its margin a clip computes 8.6 s, and decode.batch_seconds is 30.
    assert [len(batch) for batch in gate.batches] == [1, 3, 3, 2]


def test_models_are_listed_with_their_scores(client, run):
    tuned, base, _, package = client.models.list()
    assert (tuned.id, tuned.family) == ("tuned", "whisper")
    assert tuned.scores == {"overall": SCORES["overall"], "be": SCORES["language be"]}
    assert (base.id, base.scores) == ("base", {})
    assert client.models.retrieve("base").id == "base"
    listed = httpx2.get(f"{run.url}/models").json()
    assert [one["name"] for one in listed["models"]] == ["tuned", "base", "broken", "mine-1.0.0"]
    assert package.scores == {"overall": SCORES["overall"]}
    sizes = {name: one.weights_bytes for name, one in run.service.found.items()}
    assert sizes["mine-1.0.0"] == sizes["tuned"]
    assert tuned.created == int(run.service.found["tuned"].modified_s) > 1_700_000_000
    for wrong in ("other", "../tuned", "models/tuned", "/etc"):
        with pytest.raises(openai.NotFoundError, match="model: expected one of tuned, base,"):
            ask(client, model=wrong)
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve(wrong)


def test_a_package_of_a_family_of_ours_counts_the_weights_in_its_folders(tmp_path):
    names = ["model.safetensors", "encoder/model.safetensors", "ctranslate2_int8/model.bin"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(bytes(100))
    exports = {"formats": {"own": {"files": dict.fromkeys(names[:2], "")}, "ctranslate2_int8": {}}}
    (tmp_path / "run_manifest.json").write_text(json.dumps({"exports": exports}))
    found = FoundModel("a", tmp_path, "ctc", *[None] * 4, 30.0, 0.0)
    assert found.weights_bytes == 200


def test_a_reason_why_a_model_does_not_load_is_in_the_log(folder, caplog):
    params = MODELS | {"decode": MODELS["decode"] | {"precision": "bfloat16"}}
    refused = pytest.raises(openai.InternalServerError, match="tuned can't be loaded")
    with running(folder, ready=False, models=params) as run, refused:
        ask(run.client())
    lines = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
    why = [line["why"] for line in lines if line.get("event") == "a model does not load"]
    assert why and all(one.startswith("decode.precision: expected one of") for one in why)


def test_while_a_training_replaces_a_model_the_fault_is_the_servers(folder, text):
    with running(folder, models=MODELS | {"language": "detect"}) as run:
        gone = folder / "models/tuned"
        gone.rename(folder / "away")
        try:
            assert next(iter(run.client().models.list())).id == "tuned"
            assert ask(run.client()).text == text
            for more in ({"response_format": "srt"}, {"language": ""}):
                with pytest.raises(openai.InternalServerError, match="can't be loaded") as failed:
                    ask(run.client(), **more)
                assert (failed.value.status_code, failed.value.code) == (503, "model_not_loadable")
        finally:
            (folder / "away").rename(gone)
        assert ask(run.client(), response_format="srt")


def test_a_model_that_does_not_load_costs_only_its_own_requests(client, text):
    with pytest.raises(openai.InternalServerError, match="model: broken can't be loaded") as failed:
        ask(client, model="broken")
    assert failed.value.status_code == 503
    assert ask(client).text == text


@pytest.mark.parametrize("name", ALL_FORMATS)
def test_any_container_is_read(name, client):
    assert ask(client, ALL_FORMATS[name]).text


def test_audio_in_base64_and_as_upload(run, text):
    body = {"audio": base64.b64encode(CLIP).decode(), "language": "be"}
    found = httpx2.post(f"{run.url}/transcribe", json=body).json()
    assert found == {"text": text, "language": "be", "model": "tuned", "duration": 0.4}
    files = {"file": ("x.wav", CLIP)}
    assert httpx2.post(f"{run.url}/transcribe/file", files=files).json() == found
    refused = httpx2.post(f"{run.url}/transcribe", json={"audio": "?"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "audio")


def test_an_upload_is_processed_by_its_id(run, text):
    stored = httpx2.post(f"{run.url}/upload", files={"file": ("../../x", LONG)}).json()
    url = f"{run.url}/process/whisper/{stored['file_id']}"
    ask(run.client(), model="base")  # so that it is loaded
    found = httpx2.post(url, params={"model": "base"}, timeout=60).json()
    assert (found["file_id"], found["model"]) == (stored["file_id"], "base")
    assert found["transcription"]["text"].strip()
    assert found["transcription"]["segments"][0]["words"]
    assert found["lrc"].startswith("[00:00.0")
    part = lambda name: httpx2.post(url, params={"model": "base", "format": name})  # noqa: E731
    assert part("json").json() == found["transcription"]
    assert part("lrc").text == found["lrc"]
    for wrong in ("0" * 32, "..%2f..%2fparams.yaml"):
        assert httpx2.post(f"{run.url}/process/whisper/{wrong}").status_code == 404


LABELS = '<View><Audio name="audio" value="$sound"/><TextArea name="words" toName="audio"/></View>'


def test_label_studio_gets_drafts(folder, text):
    asked = []

    def audio(path):
        asked.append(path)
        return {"/data/upload/1/a.wav": CLIP}.get(path) or (302, {"Location": "/data"}, b"")

    with (
        serving(audio) as studio,
        running(folder, models=MODELS, label_studio={"url": studio}) as run,
    ):
        post = lambda route, body: httpx2.post(run.url + route, json=body)  # noqa: E731
        setup = {"project": "1.1700000000", "schema": LABELS, "hostname": studio,
                 "access_token": "secret", "extra_params": None, "force_reload": False}  # fmt: skip
        assert httpx2.get(f"{run.url}/health").json()["status"] == "UP"
        assert post("/setup", setup).json() == {"model_version": "tuned"}
        task = {"id": 7, "data": {"sound": "/data/upload/1/a.wav"}, "annotations": []}
        body = {"tasks": [task], "project": "1.1700000000", "label_config": LABELS,
                "params": {"login": None, "password": None, "context": None}}  # fmt: skip
        found = post("/predict", body).json()
        ((result,),) = [one["result"] for one in found["results"]]
        assert result == {"from_name": "words", "to_name": "audio", "type": "textarea",
                          "value": {"text": [text]}}  # fmt: skip
        assert 0 < found["results"][0]["score"] <= 1
        wrong = {"http://127.0.0.1:1/a.wav": 400, "//127.0.0.1:1/a.wav": 400,
                 "file:///etc/passwd": 400, "/moved": 502, "": 400}  # fmt: skip
        for url, status in wrong.items():
            task["data"]["sound"] = url
            assert post("/predict", body).status_code == status, url
        body["label_config"] = '<!DOCTYPE a [<!ENTITY x "y">]><View/>'
        assert post("/predict", body).status_code == 400
    assert asked == ["/data/upload/1/a.wav", "/moved"]


def test_health_metrics_and_the_page(run, client):
    ask(client)
    get = lambda route: httpx2.get(run.url + route)  # noqa: E731
    assert get("/healthz").json() == {"status": "ok"}
    assert get("/readyz").json() == {"status": "ready"}
    found = get("/metrics").text
    assert 'requests_total{route="/v1/audio/transcriptions",status="200"}' in found
    assert 'mothertongue_audio_seconds_total{model="tuned",step="decode"}' in found
    assert "html" in get("/").headers["content-type"]
    assert "/v1/audio/transcriptions" in get("/openapi.json").json()["paths"]
    assert get("/docs").status_code == 200
    assert get("/nowhere").json()["error"]["type"] == "not_found_error"


def test_a_log_line_has_the_request_and_no_text(run, client, text):
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("serve")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        headers = {"X-Request-ID": "mine-1", "Authorization": "Bearer geheim"}
        files = {"file": ("name.wav", CLIP)}
        url = f"{run.url}/transcribe/file?secret=1"
        answer = httpx2.post(url, files=files, headers=headers)
        assert answer.headers["x-request-id"] == "mine-1"
        refused = httpx2.post(url, headers={"X-Request-ID": "a\tb"})
        assert refused.headers["x-request-id"] == refused.json()["request_id"] != "a\tb"
    finally:
        logger.removeHandler(handler)
    first, second = map(json.loads, lines.getvalue().splitlines())
    assert first.keys() >= {"timestamp", "step", "loss", "lr", "gpu_utilization", "memory",
                            "request_id", "stage"}  # fmt: skip
    assert (first["request_id"], first["status"], first["audio_s"]) == ("mine-1", 200, 0.4)
    assert (second["request_id"], second["status"]) == (refused.json()["request_id"], 400)
    for word in (text, "geheim", "secret", "name.wav"):
        assert word not in lines.getvalue()


def detected(model):
    """What the family's own detector says."""
    role = family_module("whisper", "decoding")
    machine = MachineParams(device="cpu", num_threads=1, num_processes=1, shard_weights=False)
    decode = load_params("decode", DecodeParams)
    detector = role.open_detector(model, machine, decode, None)
    one = utterances("be")[0].model_copy(update={"duration_s": 0.4})
    return detector.languages([tone(0.4)], [one], detector.language_seconds(0.4))[0]


def test_the_language_is_detected_or_asked_for(folder, made_once, tmp_path):
    with running(folder, models={**MODELS, "language": "detect"}) as run:
        found = httpx2.post(f"{run.url}/transcribe/file", files={"file": ("x", CLIP)}, timeout=60)
        assert found.json()["language"] == detected(folder / "models/tuned")

    def write(folder):
        CTC.write_base(folder / "base")
        (folder / "model").mkdir()
        CTC.trainee(folder / "base").save(folder / "model")

    ctc = made_once("predict-ctc", write) / "model"
    write_repository(tmp_path, {"tuned": ctc})
    with running(tmp_path) as run:
        files = {"file": ("x", CLIP)}
        refused = httpx2.post(f"{run.url}/transcribe/file", files=files)
        assert refused.status_code == 400
        assert "since family ctc names none" in refused.json()["error"]["message"]
        ask(run.client(), LONG, response_format="srt")


def test_two_models_take_turns_in_the_memory_of_one(folder, text):
    size_gb = sum(p.stat().st_size for p in (folder / "models/tuned").glob("*.safetensors")) / 1e9
    models = {**MODELS, "max_gb": 1.5 * size_gb, "switch_after_s": 0.3}
    with running(folder, models=models) as run, ThreadPoolExecutor(8) as threads:
        names = ["tuned", "base"] * 2
        asked = [threads.submit(ask, run.client(), model=name) for name in names]
        texts = [one.result().text for one in asked]
        assert set(texts[::2]) == {text}
        assert len(set(texts[1::2])) == 1
        assert len(run.service.loaded.names) == 1
        assert 'model="base",step="again"' in httpx2.get(f"{run.url}/metrics").text


def test_two_models_never_load_at_once(folder, monkeypatch):
    """In transformers two loads at once leave the process without ``tie_weights``."""
    role, at_once, most = family_module("whisper", "alignment"), [], []
    real = role.open_aligner

    def watched(*words):
        at_once.append(1)
        most.append(len(at_once))
        time.sleep(0.2)  # long enough for the other thread to come here too
        opened = real(*words)
        at_once.pop()
        return opened

    monkeypatch.setattr(role, "open_aligner", watched)
    with running(folder, models=MODELS) as run, ThreadPoolExecutor(2) as threads:
        client = run.client()
        for name in ("tuned", "base"):
            ask(client, model=name)
        both = [threads.submit(ask, client, model=name, response_format="srt")
                for name in ("tuned", "base")]  # fmt: skip
        assert all(one.result() for one in both)
    assert most == [1, 1]


def curls():
    page = (ROOT / "docs/serving.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", page, flags=re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("line", curls())
def test_every_line_of_the_page_works(line, run, tmp_path):
    (tmp_path / "clip.wav").write_bytes(CLIP)
    command = line.replace("http://127.0.0.1:8000", run.url).replace("curl ", "curl -sSf ")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip()
    if "keys.txt" in line:
        (tmp_path / "keys.txt").chmod(0o600)
        names = load_keys(serve_params(server={"keys_file": str(tmp_path / "keys.txt")}).server)
        digest = hashlib.sha256(done.stdout.strip().encode()).hexdigest()
        assert names == {digest: "ann"}


def test_the_pages_python_works(run, tmp_path, monkeypatch, capsys, text):
    page = (ROOT / "docs/serving.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", page, flags=re.DOTALL)[1]
    (tmp_path / "clip.wav").write_bytes(CLIP)
    code = code.replace("http://127.0.0.1:8000", run.url)
    exec(code.replace('"clip.wav"', repr(str(tmp_path / "clip.wav"))), {})
    assert capsys.readouterr().out == f"{text}\n"
