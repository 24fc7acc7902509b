# python -m pytest tests/test_serving_corrections.py
"""A correction from the server's page becomes a row that the corrections loop reads as a corpus."""

import asyncio
import json
import os
import re
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import psycopg
import pytest
from ruamel.yaml import YAML

from asr.audio.decoding import decode
from asr.core.errors import InputError
from asr.core.params import load_params
from asr.corpora.formats import corpus_format
from asr.preparation.params import PrepareParams
from asr.redraft import database
from asr.serving import corrections
from asr.serving.errors import ApiError
from asr.serving.logs import JsonFormatter
from asr.sources.corpus_source import fetch_files
from asr.sources.sql import Source
from tests.clips_table import People, as_role, supabase
from tests.examples import tone, wav
from tests.serving import running, serve_params, served_folder
from tests.tiny_families import ROOT
from tests.web_server import LIMITS

pytestmark = pytest.mark.integration
CLIP, OTHER = wav(tone(0.4)), wav(tone(0.5))
ON = {"corrections": {"dsn_env": "CORRECTIONS_WRITER_DSN", "retry_s": 0.0}}
SENT = {"text": "кот  спіць\n", "language": "be", "model": "tuned", "draft": "код спіць"}


@pytest.fixture(scope="module")
def folder(made_once, tmp_path_factory):
    return served_folder(made_once, tmp_path_factory, "tuned")


@pytest.fixture(scope="module")
def server():
    with supabase() as people:
        people.run("alter role page_writer login")
        yield people


@pytest.fixture(scope="module")
def run(folder, server):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CORRECTIONS_WRITER_DSN", as_role(server.address, "page_writer"))
        with running(folder, **ON) as run:
            yield run


@pytest.fixture
def table(server):
    server.run("delete from clips")
    return server


def send(run, content=CLIP, **changes):
    files = {"file": ("a.wav", content)}
    return httpx2.post(f"{run.url}/corrections", files=files, data=SENT | changes, timeout=30)


def corpus(people: People, monkeypatch):
    """What `dvc repro` would read: the block is that of docs/corrections.md."""
    block = re.search(r"```yaml\n(supabase_corrections:.*?)```",
                      (ROOT / "docs/corrections.md").read_text(), re.DOTALL)[1]  # fmt: skip
    values = YAML(typ="safe").load(block)["supabase_corrections"]
    monkeypatch.setenv("CORRECTIONS_DSN", as_role(people.address, "corpus_reader"))
    newest = people.run("select max(number) from corrections")[0][0]
    source = Source.model_validate(values | {"watermark": newest})
    format_ = corpus_format("jsonl")
    files = dict(fetch_files(source, lambda name: format_.wants(name, "be"), LIMITS))
    return list(format_.read(files, "be", {}))


def test_a_correction_is_an_utterance_of_the_corpus(run, table, monkeypatch):
    answer = send(run)
    assert (answer.status_code, answer.json()["status"]) == (200, "stored")
    (one,) = corpus(table, monkeypatch)
    assert (one.text, one.language, one.audio) == ("кот спіць", "be", CLIP)
    assert len(decode(one.audio, 10.0).waveform) == len(tone(0.4))
    row = "select draft_transcription, draft_model, status from clips"
    assert table.run(row) == [("код спіць", "tuned", "corrected")]


def test_the_same_twice_is_one_row_and_a_second_thought_replaces_the_first(run, table, monkeypatch):
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: send(run), range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["number"] for answer in answers}) == 1
    send(run, OTHER)
    send(run, text="кот спіць тут")
    assert table.run("select count(*) from corrections") == [(3,)]
    assert sorted(one.text for one in corpus(table, monkeypatch)) == ["кот спіць", "кот спіць тут"]


@pytest.mark.parametrize(
    ("changes", "status", "param"),
    [
        ({"text": " \n"}, 400, "text"),
        ({"text": "a\0b"}, 400, "text"),
        ({"draft": "a\x1bb"}, 400, "draft"),
        ({"text": "а" * 20_001}, 400, "text"),
        ({"language": ""}, 400, "language"),
        ({"language": "be'; drop table clips"}, 400, "language"),
        ({"model": "../tuned"}, 404, "model"),
        ({"content": b"no audio"}, 400, "file"),
        ({"content": b""}, 400, "file"),
        ({"content": wav(tone(0.2))}, 400, "file"),
        ({"content": wav(tone(3.5))}, 400, "file"),
    ],
)
def test_what_no_corpus_could_use_is_refused_by_name(run, table, changes, status, param):
    answer = send(run, **changes)
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)
    assert table.run("select count(*) from clips") == [(0,)]


@pytest.mark.parametrize(
    ("values", "duration_s", "told"),
    [
        ({"max_duration_s": 30.0}, 31.0, r"0.3 to 30 s .*prepare.max_duration_s\), got 31.000"),
        ({"long_recordings": "align"}, 901.0, r"0.3 to 900 s .*prepare.max_input_s"),
        ({"long_recordings": "align"}, 31.0, None),
    ],
)
def test_both_limits_of_a_recording_are_told(values, duration_s, told):
    prepare = load_params("prepare", PrepareParams).model_copy(update=values)
    if told is None:
        corrections.check_duration(duration_s, prepare)
        return
    with pytest.raises(ApiError) as refused:
        corrections.check_duration(duration_s, prepare)
    assert re.search(told, refused.value.message)


def test_recordings_are_decoded_by_the_readers_alone(run, table, monkeypatch):
    real, names = corrections.read_audio, []

    def watched(*given):
        names.append(threading.current_thread().name)
        return real(*given)

    monkeypatch.setattr(corrections, "read_audio", watched)
    assert send(run).status_code == 200
    assert [name.partition("_")[0] for name in names] == ["read"]


def test_a_text_is_data_and_never_sql(run, table):
    attack = "'; drop table clips; -- :audio %s"
    assert send(run, text=attack).status_code == 200
    assert table.run("select corrected_transcription from clips") == [(attack,)]


def test_the_writer_may_do_nothing_else(server):
    writer = People(as_role(server.address, "page_writer"))
    for statement in ("select * from clips", "delete from clips", "select * from corrections",
                      "insert into runs (label) values ('x')"):  # fmt: skip
        with pytest.raises(Exception, match="permission denied"):
            writer.run(statement)


def test_a_refusal_of_the_database_is_503_and_nothing_quotes_the_row(run, table, caplog):
    table.run("alter table clips add constraint no_cats "
              "check (corrected_transcription not like '%%кот%%')")  # fmt: skip
    try:
        caplog.set_level("INFO", "serve")
        answer = send(run)
    finally:
        table.run("alter table clips drop constraint no_cats")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "corrections_unavailable")
    assert "the database refused it" in answer.json()["error"]["message"]
    logged = "\n".join(map(JsonFormatter().format, caplog.records)) + answer.text
    assert json.loads(logged.splitlines()[0])["why"] == "$CORRECTIONS_WRITER_DSN: refused"
    assert "кот" not in logged and "код" not in logged and "no_cats" not in logged


def test_a_database_that_is_down_is_503_and_its_return_is_noticed(run, table):
    assert send(run).status_code == 200
    gone = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'page_writer'"
    table.run(gone)
    table.run("alter role page_writer nologin")
    answer = send(run, OTHER)
    table.run("alter role page_writer login")
    assert answer.status_code == 503 and answer.json()["request_id"]
    assert "secret" not in answer.text and "page_writer" not in answer.text
    assert send(run, OTHER).status_code == 200


@pytest.fixture
def hurried(folder, server, monkeypatch):
    """A server whose database has half a second for a statement."""
    monkeypatch.setenv("CORRECTIONS_WRITER_DSN", as_role(server.address, "page_writer"))
    monkeypatch.setattr(corrections, "STATEMENT_S", 0.5)
    with running(folder, **ON) as run:
        assert send(run).status_code == 200
        yield run


def test_a_statement_that_waits_for_a_lock_ends(hurried, table, caplog):
    with psycopg.connect(table.address) as other:
        other.execute("lock table clips")
        answer = send(hurried, OTHER)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "corrections_unavailable")
    assert "no answer in 0.5 s" in JsonFormatter().format(caplog.records[0])
    assert send(hurried, OTHER).status_code == 200


def test_a_database_that_stops_answering_is_503_and_stops_no_server(hurried, table):
    hurried.server.config.app.state.corrections.answer_s = 0.5
    newest = "select pid from pg_stat_activity where usename = 'page_writer' order by backend_start"
    *_, (process,) = table.run(newest)
    os.kill(process, signal.SIGSTOP)
    try:
        assert send(hurried, OTHER).status_code == 503
        assert send(hurried, OTHER).status_code == 200  # by a new connection
    finally:
        os.kill(process, signal.SIGCONT)


def test_a_database_that_only_accepts_connections_stops_no_server(monkeypatch):
    monkeypatch.setattr(corrections, "STATEMENT_S", 0.1)
    monkeypatch.setattr(database, "CONNECT_S", 2)  # the least that psycopg takes
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"postgresql://a:secret@127.0.0.1:{silent.getsockname()[1]}/a"
        monkeypatch.setenv("CORRECTIONS_WRITER_DSN", address)
        table = corrections.Corrections(serve_params(**ON).corrections)
        table.answer_s = 0.2
        before = time.monotonic()
        for _ in range(2):
            with pytest.raises(ApiError, match="database does not answer"):
                asyncio.run(table.add(corrections.Correction(CLIP, "a", "be", "", "tuned", None)))
        table.close()
        assert time.monotonic() - before < 1.5


def test_without_the_section_there_is_no_table(folder, monkeypatch):
    with running(folder) as run:
        assert httpx2.get(f"{run.url}/page.json").json()["corrections"] is False
        answer = send(run)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "corrections_off")
    monkeypatch.delenv("CORRECTIONS_WRITER_DSN", raising=False)
    unset = pytest.raises(InputError, match=r"\$CORRECTIONS_WRITER_DSN: expected postgresql://")
    with unset, running(folder, **ON):
        pass


def test_a_recording_larger_than_its_limit_is_413(folder, server, monkeypatch):
    monkeypatch.setenv("CORRECTIONS_WRITER_DSN", as_role(server.address, "page_writer"))
    small = {"corrections": ON["corrections"] | {"max_mb": 0.01}}
    with running(folder, **small) as run:
        assert send(run).status_code == 413
