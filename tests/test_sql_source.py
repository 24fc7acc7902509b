# python -m pytest tests/test_sql_source.py
import json
import sqlite3
import traceback
from contextlib import closing

import psycopg
import pytest

from asr.core.errors import InputError
from asr.corpora.formats import corpus_format
from asr.sources.corpus_source import fetch_files, provenance
from asr.sources.sql import Source
from tests.postgresql_server import postgresql_server
from tests.web_server import LIMITS, serving

QUERY = "select clip as id, corrected as text, sound as audio, child as speaker_id from clips"


def source(query=QUERY, audio_root=None, allow_private=False):
    return Source(
        kind="sql", dsn_env="CLIPS_DSN", query=query, audio_root=audio_root,
        allow_private=allow_private, license="CC0-1.0",
    )  # fmt: skip


def brought(limits=LIMITS, **changes):
    wants = corpus_format("jsonl").wants
    return dict(fetch_files(source(**changes), lambda name: wants(name, "hr"), limits))


@pytest.fixture
def sqlite(tmp_path, monkeypatch):
    """A database with two corrected clips; returns what runs a statement in it."""
    path = tmp_path / "clips.db"
    monkeypatch.setenv("CLIPS_DSN", f"sqlite:///{path}")

    def execute(statement, *values):
        with closing(sqlite3.connect(path)) as database, database:
            database.execute(statement, values)

    execute("create table clips (clip, corrected text, sound blob, child int, path text)")
    execute("insert into clips values ('b/2', 'dva', ?, 7, 'rec/2.wav')", b"second")
    execute("insert into clips values ('a', 'jedan', ?, null, '1.wav')", b"first")
    return execute


@pytest.mark.usefixtures("sqlite")
def test_rows_are_stored_for_the_jsonl_format():
    files = brought()
    assert list(files) == ["audio/b%2F2.audio", "audio/a.audio", "rows.jsonl"]
    assert json.loads(files["rows.jsonl"].splitlines()[0]) == {
        "id": "a", "text": "jedan", "speaker_id": None, "audio_path": "audio/a.audio"
    }  # fmt: skip
    one, two = corpus_format("jsonl").read(files, "hr", {})
    assert (one.name, one.text, one.audio, one.speaker_id) == ("a", "jedan", b"first", None)
    assert (two.name, two.text, two.audio, two.speaker_id) == ("b/2", "dva", b"second", "7")


@pytest.mark.usefixtures("sqlite")
def test_files_below_a_root(tmp_path):
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "1.wav").write_bytes(b"from the file")
    query = "select clip as id, corrected as text, path as audio_path from clips"
    files = brought(query=query, audio_root=str(tmp_path / "clips"))
    refused = str(files.pop("audio/b%2F2.audio"))
    assert refused.startswith("audio_path: rec/2.wav: expected a file, got none, a pipe")
    one, two = corpus_format("jsonl").read(files, "hr", {})
    assert (one.audio, one.fault) == (b"from the file", None)
    assert two.fault.startswith("rows.jsonl:2: audio_path: expected one file 'audio/b%2F2.audio'")
    with pytest.raises(InputError, match="expected audio_root in conf/sources"):
        brought(query=query)


@pytest.mark.usefixtures("sqlite")
@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("select 1 as id", r"return columns id and text, got \['id'\], missing \['text'\]"),
        ("select 1 as id, 2 as id, 3 as text", "columns of different names"),
        ("selekt", "the query failed: near \"selekt\": syntax error"),
        ("select * from nowhere", "the query failed: no such table: nowhere"),
        ("delete from clips", "the query failed: attempt to write a readonly database"),
        (f"{QUERY} where false", "expected rows, got none"),
        (f"{QUERY} union all {QUERY}", "row 3: id 'b/2' appears twice"),
        ("select null as id, 1 as text", "row 1: id: expected a name or number, got None"),
        ("select 1 as id, 2 as text", "row 1: expected one of .*'audio_url'"),
        ("select 1 as id, 'a' as text, 'b' as audio", "row 1: audio: expected bytes, got 'b'"),
        ("select 1 as id, 'a' as text, 5 as audio_url", "row 1: audio_url: expected text, got 5"),
        ("select 1 as id, 'a' as text, 'file:///etc/passwd' as audio_url", "expected http://"),
        ("select 1 as id, 'a' as text, 'http://127.0.0.1:9/a' as audio_url",
         "row 1: audio_url: http://127.0.0.1:9/a: could not be downloaded: .*refused"),
    ],
)  # fmt: skip
def test_faults_name_variable_row_and_column(query, message):
    with pytest.raises(InputError, match=rf"^\$CLIPS_DSN: .*{message}"):
        brought(query=query, audio_root=".", allow_private=True)


URL_QUERY = "select clip as id, corrected as text, path as audio_url from clips"


@pytest.mark.integration
def test_a_rows_address_is_public_or_permitted(sqlite):
    with serving(lambda path: (410, {}, b"") if path == "/1.wav" else b"from the web") as url:
        sqlite("update clips set path = ? || '/' || path", url)
        with pytest.raises(InputError, match=r"row 1: audio_url: .*rec/2\.wav: .*a public address"):
            brought(query=URL_QUERY)
        files = brought(query=URL_QUERY, allow_private=True)
        assert [*files] == ["audio/b%2F2.audio", "rows.jsonl"]  # 410: the recording is gone
        assert files["audio/b%2F2.audio"] == b"from the web"
        small = LIMITS.model_copy(update={"max_file_mb": 11e-6})
        with pytest.raises(InputError, match=r"expected at most 11 bytes \(fetch\.max_file_mb\)"):
            brought(small, query=URL_QUERY, allow_private=True)


@pytest.mark.integration
def test_user_info_and_query_of_a_rows_address_are_nowhere(sqlite):
    with serving(lambda path: (403, {}, b"") if "2.wav" in path else b"sound") as url:
        url = url.replace("//", "//me:secret@")
        sqlite("update clips set path = ? || '/' || path || '?token=secret'", url)
        with pytest.raises(InputError) as caught:
            brought(query=URL_QUERY, allow_private=True)
        files = brought(query=f"{URL_QUERY} where clip = 'a'", allow_private=True)
    assert "secret" not in str(caught.value)
    assert b"secret" not in b"".join(files.values())
    sqlite("update clips set path = 's3://me:secret@host/a?token=secret'")
    with pytest.raises(InputError, match="row 1: audio_url: ") as caught:
        brought(query=URL_QUERY)
    assert "secret" not in str(caught.value)
    files = brought(query=URL_QUERY.replace("audio_url", "audio_path"), audio_root=".")
    assert "audio_path: expected a path, got the address 's3://host" in str(files)
    assert "secret" not in str(files)


def test_a_path_that_is_no_file_below_the_root_costs_its_row(sqlite, tmp_path):
    (tmp_path / "clips" / "inside").mkdir(parents=True)
    (tmp_path / "clips" / "rec").symlink_to(tmp_path)
    (tmp_path / "clips" / "1.wav").symlink_to("/etc/passwd")
    for name, path in (("c", "."), ("d", "../a"), ("e", "/etc/passwd")):
        sqlite("insert into clips values (?, 'x', null, 1, ?)", name, path)
    query = "select clip as id, corrected as text, path as audio_path from clips order by clip"
    *refused, (_, rows) = brought(query=query, audio_root=str(tmp_path / "clips")).items()
    assert [str(error) for _, error in refused] == [
        "audio_path: 1.wav: expected a file of the corpus, got a link out of its folder; put the "
        "file itself there",
        "audio_path: rec/2.wav: expected no linked folder, got one; put the folder itself into the "
        "source",
        "audio_path: expected a path, got '.'",
        "audio_path: expected a path inside the source's folder, got '../a', which leaves it",
        "audio_path: expected a path relative to the manifest, got the absolute '/etc/passwd'",
    ]
    assert len(rows.splitlines()) == 5


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://user5e:pass5e@host5e.invalid:9/db5e",
        "postgresql://user5e:pass5e@127.0.0.1:port5e/db5e",
        "postgresql://user5e:pass5e@127.0.0.1:9/db5e",
        "postgresql://user5e:pa%ss5e@127.0.0.1/db5e",
        "postgresql://user5e:pass5e@127.0.0.1:9/db5e?sslmode=mode5e",
        "postgresql://user5e:pass5e@127.0.0.1:9/db5e?option5e=1",
        "postgresql://user5e:pass5e@[::5e/db5e",
        "postgresql://user5e:pass\x005e@127.0.0.1:9/db5e".replace("\x00", "%00"),
        "postgresql:///db5e?host=/socket5e&user=user5e&password=pass5e",
        "postgresql://user5e:pass5e@/db5e?service=service5e",
        f"postgresql://user5e:pass5e@{'5e' * 70}.example/db5e",
    ],
)
def test_no_piece_of_an_address_is_printed_whatever_psycopg_says(address, monkeypatch, capfd):
    monkeypatch.setenv("CLIPS_DSN", address)
    with pytest.raises(InputError, match=r"^\$CLIPS_DSN: no connection: ") as caught:
        brought()
    shown = "".join(traceback.format_exception(caught.value)).partition("InputError: ")[2]
    assert "5e" not in shown + "".join(capfd.readouterr())
    assert "127.0.0.1" not in shown
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_the_address_is_in_no_message_and_no_file(monkeypatch):
    with pytest.raises(InputError, match=r"\$CLIPS_DSN: .*got no such environment variable"):
        brought()
    for address in ("mysql://me:secret@host/db", "postgresql://me:secret@127.0.0.1:9/db"):
        monkeypatch.setenv("CLIPS_DSN", address)
        with pytest.raises(InputError, match=r"^\$CLIPS_DSN: ") as caught:
            brought()
        assert "secret" not in str(caught.value)
    assert provenance(source(), 3).origin == "query of $CLIPS_DSN"


@pytest.fixture(scope="module")
def postgresql():
    with postgresql_server() as address:
        with psycopg.connect(address) as database:
            database.execute(
                "create table clips (clip int, corrected text, sound bytea, child int)"
            )
            with database.cursor() as cursor:
                cursor.executemany(
                    "insert into clips values (%s, %s, %s, %s)",
                    [(n, f"rečenica {n}", b"sound %d" % n, n % 3) for n in range(150)],
                )
        yield address


@pytest.mark.integration
def test_a_real_postgresql(postgresql, monkeypatch):
    monkeypatch.setenv("CLIPS_DSN", postgresql)
    recordings = list(
        corpus_format("jsonl").read(brought(query=f"{QUERY} where clip < 140"), "hr", {})
    )
    assert len(recordings) == 140
    one = next(one for one in recordings if one.name == "139")
    assert (one.text, one.audio, one.speaker_id) == ("rečenica 139", b"sound 139", "1")
    with pytest.raises(InputError, match=r'the query failed: relation "nothing" does not exist'):
        brought(query="select * from nothing")
    with pytest.raises(InputError, match=r"the query failed: .*(read-only|syntax error)"):
        brought(query="delete from clips returning clip as id, corrected as text")
    with pytest.raises(InputError, match=r"failed: UndefinedTable 42P01 \(its text names the da"):
        brought(query="select * from reader")  # the name of the user
    with pytest.raises(InputError, match=r"failed: \w+ \w+ \(its text names the database\)"):
        brought(query="select * from postgres.x.y")
    with psycopg.connect(postgresql) as database:
        assert database.execute("select count(*) from clips").fetchone() == (150,)


def test_rows_up_to_a_watermark_are_the_same_whatever_is_added(
    sqlite, capsys, tmp_path, monkeypatch
):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    query = f"{QUERY} where child is null or child <= :watermark"

    def rows(watermark):
        one = Source(kind="sql", dsn_env="CLIPS_DSN", query=query, watermark=watermark,
                     license="CC0-1.0")  # fmt: skip
        wants = corpus_format("jsonl").wants
        files = dict(fetch_files(one, lambda name: wants(name, "hr"), LIMITS))
        return files["rows.jsonl"]

    first = rows(7)
    assert "2 rows up to 7: the first fetch on this machine" in capsys.readouterr().out
    sqlite("insert into clips values ('c', 'tri', ?, 8, null)", b"third")
    assert rows(7) == first
    assert "2 rows up to 7: 0 new, 0 changed, 0 gone since the last fetch (up to 7)" in (
        capsys.readouterr().out
    )
    sqlite("update clips set corrected = 'dvije' where clip = 'b/2'")
    sqlite("delete from clips where clip = 'a'")
    assert b"tri" in rows(8)
    assert "2 rows up to 8: 1 new, 1 changed, 1 gone since" in capsys.readouterr().out


@pytest.mark.parametrize(("watermark", "where", "words"), [
    ("1; drop table clips", " where child <= :watermark", "a number or a date with time"),
    (7, "", "expected watermark with :watermark in query, got one alone"),
    (None, " where child <= :watermark", "expected watermark with :watermark in query"),
])  # fmt: skip
def test_a_watermark_is_a_number_or_a_time_and_in_the_query(watermark, where, words):
    with pytest.raises(ValueError, match=words):
        Source(kind="sql", dsn_env="X", query=QUERY + where, watermark=watermark, license="CC0-1.0")


def test_a_watermark_in_the_query_is_a_literal():
    query = "select 1 as id, 'x' as text where ':watermark' <> '' and at <= :watermark"
    one = Source(kind="sql", dsn_env="X", query=query, watermark="2026-11-01T10:00:00Z",
                 license="CC0-1.0")  # fmt: skip
    assert one.filled_query.endswith("at <= '2026-11-01T10:00:00Z'")
