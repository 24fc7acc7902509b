# python -m pytest tests/test_server.py
"""decode.server: a test set transcribed by our own server, and by one that is late or broken."""

import hashlib
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from asr.core.errors import InputError
from asr.core.files import read_json
from asr.decoding.params import ServedModel, ServerParams
from asr.decoding.server import API_KEY, transcribe_on_server, wav_of
from asr.utterances.hypothesis import read_hypotheses
from asr.utterances.shards import write_shards
from asr.utterances.utterance import write_manifest
from stages.transcribe import transcribe
from tests.examples import utterance
from tests.faulty_server import faulty_server
from tests.pipeline_repo import wait_for

ROOT = Path(__file__).parent.parent
SIZES = [1600 + i for i in range(12)]  # samples: the server's texts
CLIPS = [np.zeros(size, np.float32) for size in SIZES]
UTTERANCES = [
    utterance(str(i), duration_s=size / 16_000, language="be") for i, size in enumerate(SIZES)
]


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(API_KEY, raising=False)
    return tmp_path


def params(**changes) -> ServerParams:
    values = {"models": {}, "concurrency": 4, "timeout_s": 5.0, "max_tries": 3,
              "first_wait_s": 0.01}  # fmt: skip
    return ServerParams(**values | changes)


def texts(url, **changes) -> list[str]:
    served = ServedModel(url=url, name="my-model")
    found, seconds = transcribe_on_server(UTTERANCES, CLIPS, served, params(**changes))
    assert [one.id for one in found] == [one.id for one in UTTERANCES]
    assert seconds > 0
    return [one.text for one in found]


RIGHT = [str(size) for size in SIZES]


def left() -> list[str]:
    """Answers that lie in wait of the next run."""
    return [str(path) for path in Path(".dvc/tmp/server").glob("*")]


@pytest.mark.integration
def test_late_answers_in_another_order_belong_to_their_clips(monkeypatch):
    monkeypatch.setenv(API_KEY, "sesame")
    # Of four at once the first sent is the last answered.
    with faulty_server(lambda size, _: (0.02 * (1611 - size), 200, {})) as seen:
        assert texts(seen.url + "/") == RIGHT
    assert seen.most_at_once == 4
    assert set(seen.forms) == {("my-model", "be", "json", "Bearer sesame")}
    assert set(seen.tries.values()) == {1}
    assert left() == []


@pytest.mark.integration
@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_that_fails_is_asked_again(status):
    def behave(size, tries):
        return 0.0, status if tries < 3 and size % 2 else 200, {}

    with faulty_server(behave) as seen:
        assert texts(seen.url) == RIGHT
    assert seen.tries == {size: 3 if size % 2 else 1 for size in SIZES}


@pytest.mark.integration
def test_a_wait_that_the_server_asks_for_is_kept():
    behave = lambda _, tries: (0.0, 429 if tries == 1 else 200, {"Retry-After": "1"})  # noqa: E731
    with faulty_server(behave) as seen:
        found = transcribe_on_server(
            UTTERANCES[:2], CLIPS[:2], ServedModel(url=seen.url, name="m"), params()
        )
    assert found[1] > 1.0


@pytest.mark.integration
def test_an_answer_that_is_too_late_is_asked_for_again():
    behave = lambda size, tries: (60.0 if size == 1605 and tries == 1 else 0.0, 200, {})  # noqa: E731
    with faulty_server(behave) as seen:
        assert texts(seen.url, timeout_s=3.0, max_tries=5) == RIGHT
    assert seen.tries[1605] == 2


@pytest.mark.integration
def test_after_a_break_only_the_missing_are_asked_for(capsys):
    broken = True

    def behave(size, _):
        # The others are answered before it gives up.
        return 0.0, 500 if broken and size == 1611 else 200, {}

    with faulty_server(behave) as seen:
        with pytest.raises(InputError, match=r"/v1/audio/transcriptions: xx/11: no answer after 3 "
                           r"tries, at last status 500: .*the GPU is on fire"):  # fmt: skip
            texts(seen.url, first_wait_s=0.3)
        assert len(left()) == 2
        broken = False
        assert texts(seen.url) == RIGHT
    assert seen.tries == {size: 4 if size == 1611 else 1 for size in SIZES}
    assert "11 clips were transcribed by an earlier run" in capsys.readouterr().out
    assert left() == []


@pytest.mark.integration
def test_another_model_or_a_finished_run_starts_anew():
    with faulty_server() as seen:
        texts(seen.url)
        texts(seen.url)
    assert set(seen.tries.values()) == {2}


@pytest.fixture(scope="module")
def served(made_once, tmp_path_factory):
    """Our own server, with a key."""
    # They import torch, which the process that a test kills does without.
    from tests.serving import running, write_repository
    from tests.tiny_families import WHISPER

    folder = tmp_path_factory.mktemp("served")
    model = made_once("predict-whisper", lambda f: WHISPER.write_base(f / "model")) / "model"
    write_repository(folder, {"tuned": model})
    digest = hashlib.sha256(b"sesame").hexdigest()
    (folder / "keys.txt").write_text(f"tests:{digest}")
    few = {"max_tokens_per_s": 0.5, "min_token_budget": 4}  # random weights never end a text
    server = {"port": 0, "keys_file": "keys.txt"}
    with running(folder, models={"decode": few}, server=server) as run:
        yield run


@pytest.mark.integration
def test_our_own_server_transcribes_each_clip(served, monkeypatch):
    monkeypatch.setenv(API_KEY, "sesame")
    found, _ = transcribe_on_server(
        UTTERANCES, CLIPS, ServedModel(url=f"{served.url}/v1", name="tuned"), params()
    )
    client = served.client("sesame")
    for clip, one in zip(CLIPS, found, strict=True):
        file = ("clip.wav", wav_of(clip))
        alone = client.audio.transcriptions.create(file=file, model="tuned", language="be")
        assert one.text == alone.text.strip() != ""


@pytest.mark.integration
@pytest.mark.parametrize(
    ("key", "name", "language", "status", "why"),
    [
        ("sesame", "tuned", "xx", 400, "language: expected one of Whisper's"),
        ("wrong", "tuned", "be", 401, "expected a known API key"),
        ("sesame", "other", "be", 404, "model: expected one of tuned, got 'other'"),
    ],
)
def test_a_refusal_is_told_at_once(served, key, name, language, status, why, monkeypatch):
    monkeypatch.setenv(API_KEY, key)
    clips = [one.model_copy(update={"language": language}) for one in UTTERANCES]
    one = ServedModel(url=f"{served.url}/v1", name=name)
    with pytest.raises(InputError, match=rf"expected a transcript, got status {status}: .*{why}"):
        transcribe_on_server(clips, CLIPS, one, params(concurrency=1))


@pytest.mark.integration
def test_an_answer_without_text_is_told():
    with faulty_server(lambda *_: (0.0, 200, {"X-Body": "<html>hello"})) as seen:
        with pytest.raises(InputError, match=r'expected JSON as {"text": "…"}, got <html>hello'):
            texts(seen.url)
        with pytest.raises(InputError, match="status 404"):
            texts(seen.url + "/nowhere")


def test_a_server_that_is_not_there_is_named_without_its_password():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(InputError) as refused:
        texts(f"http://me:pw@127.0.0.1:{port}/v1")
    assert f"http://127.0.0.1:{port}/v1/audio/transcriptions: xx/" in str(refused.value)
    assert "no answer after 3 tries, at last" in str(refused.value)
    assert "pw" not in str(refused.value)


RUN = """
import sys
sys.path.insert(0, sys.argv[2])
from tests.test_server import CLIPS, UTTERANCES, params
from asr.decoding.params import ServedModel
from asr.decoding.server import transcribe_on_server
served = ServedModel(url=sys.argv[1], name="my-model")
transcribe_on_server(UTTERANCES, CLIPS, served, params(concurrency=1))
"""


@pytest.mark.integration
def test_a_killed_run_resumes_behind_its_last_answer(workspace):
    with faulty_server(lambda *_: (0.1, 200, {})) as seen:
        words = [sys.executable, "-c", RUN, seen.url, str(ROOT)]
        with subprocess.Popen(words) as run:
            wait_for(lambda: sum(seen.tries.values()) >= 4)
            run.send_signal(signal.SIGKILL)
        (rows,) = workspace.glob(".dvc/tmp/server/*.jsonl")
        with rows.open("a") as file:
            file.write('{"clip":"xx/')  # as a kill in the middle of a line leaves it
        stored = rows.read_text().count("\n")
        assert 2 <= stored < 12
        before = sum(seen.tries.values())
        assert texts(seen.url) == RIGHT
    assert sum(seen.tries.values()) - before == 12 - stored


@pytest.mark.integration
def test_the_stage_asks_the_server_for_the_model_that_it_has(served, workspace, monkeypatch):
    monkeypatch.setenv(API_KEY, "sesame")
    Path("prepared/xx").mkdir(parents=True)
    clips = [(one.model_copy(update={"sha256": hashlib.sha256(bytes(2 * size)).hexdigest()}),
              bytes(2 * size)) for one, size in zip(UTTERANCES, SIZES, strict=True)]  # fmt: skip
    write_manifest(Path("test.jsonl"), write_shards(Path("prepared/xx"), clips, 2**20))
    values = (ROOT / "params.yaml").read_text()
    out, timing, changes = (Path("out", name) for name in ("tuned.jsonl", "t.json", "c.json"))
    test = Path("test.jsonl")
    files = (Path("prepared"), Path("lm"), test, test, test, out, timing, changes)
    line = f"{{tuned: {{url: {served.url}/v1, name: tuned}}}}"
    values = values.replace("    models: {}    ", f"    models: {line}    ")
    Path("params.yaml").write_text(values)
    transcribe(Path("models/tuned"), *files)
    assert len(texts := [one.text for one in read_hypotheses(out).values()]) == len(UTTERANCES)
    assert all(texts)
    assert read_json(timing)["device"] == "server"
    assert read_json(changes) == {"languages": {}, "changed": []}
    Path("params.yaml").write_text(values.replace("  weight: none", "  weight: dev"))
    with pytest.raises(InputError, match=r"lm\.weight: expected none, since .* has tuned, got dev"):
        transcribe(Path("models/tuned"), *files)
