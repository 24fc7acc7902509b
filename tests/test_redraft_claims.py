# python -m pytest tests/test_redraft_claims.py    (10 seconds)
"""Claims in a real PostgreSQL and in SQLite: nothing is drafted twice, nobody waits or loses."""

import statistics
import threading
import time

import psycopg
import pytest

from asr.core.errors import InputError
from asr.redraft.clips import Draft, ModelName
from asr.redraft.database import Database
from asr.redraft.filters import of_run, of_value
from tests.clips_table import RUN, SQLITE, People, as_role, block, clip_id, supabase, worker

pytestmark = pytest.mark.integration
WORDS = [{"word": "new", "start": 0.1, "end": 0.4, "probability": 0.9}]
NEW = Draft("new", 0.9, WORDS)


@pytest.fixture(scope="module")
def postgresql():
    with supabase() as people:
        yield people


@pytest.fixture(params=["postgresql", "sqlite"])
def people(request, tmp_path, monkeypatch):
    """An empty table; the worker signs in as redraft_worker."""
    if request.param == "sqlite":
        path = tmp_path / "clips.db"
        path.touch()
        found = People(f"sqlite:///{path}")
        for statement in SQLITE.split(";"):
            found.run(statement)
        monkeypatch.setenv("CLIPS_DSN", found.address)
        return found
    return _empty(request.getfixturevalue("postgresql"), monkeypatch)


@pytest.fixture
def server(postgresql, monkeypatch):
    return _empty(postgresql, monkeypatch)


def _empty(found, monkeypatch):
    found.run("truncate runs, clips, corrections restart identity")
    monkeypatch.setenv("CLIPS_DSN", as_role(found.address, "redraft_worker"))
    return found


def numbers(clips):
    return [int(clip.id[-4:]) for clip in clips]


def test_workers_share_the_clips_and_each_is_drafted_once(people):
    people.fill(5)
    one, two = worker(), worker()
    first, second = one.claim(2), two.claim(2)
    assert (numbers(first), numbers(second)) == ([1, 2], [3, 4])
    assert (first[0].audio, first[0].language, first[0].draft) == ("1.wav", "be", "old")
    assert one.write([(clip, NEW) for clip in first]) == {clip.key for clip in first}
    assert two.write([(clip, NEW) for clip in second]) == {clip.key for clip in second}
    assert numbers(one.claim(9)) == [5]
    assert one.claim(9) == [] == two.claim(9)
    assert people.texts() == ["new"] * 4 + ["old"]
    row = people.run("select status, draft_confidence, draft_model, draft_version, claimed_by, "
                     "claimed_until, draft_words from clips order by id")[0]  # fmt: skip
    assert (row[0], round(row[1], 3), *row[2:6]) == ("pending", 0.9, "tuned", "v1", None, None)
    assert "probability" in str(row[6])
    assert worker().count() == 1  # what is drafted is done, for this model
    assert worker(ModelName("tuned", "v2")).count() == 5


def test_the_claims_of_a_dead_worker_end(people):
    people.fill(2)
    dead = worker(claim_s=3600.0)
    claimed = dead.claim(2)
    assert worker().claim(2) == []
    people.run("update clips set claimed_until = %s", "2026-01-01 00:00:00")
    assert worker().count() == 2
    other = worker()
    again = other.claim(2)
    assert numbers(again) == [1, 2]
    assert dead.write([(clip, Draft("late", 0.5, None)) for clip in claimed]) == set()
    assert len(other.write([(clip, NEW) for clip in again])) == 2
    assert people.texts() == ["new", "new"]


@pytest.mark.parametrize("edit", [
    "corrected_transcription = 'mine', status = 'corrected'",
    "corrected_transcription = 'mine'",
    "status = 'rejected'",
    "draft_transcription = 'mine'",
])  # fmt: skip
def test_what_a_person_changed_meanwhile_stays(people, edit):
    people.fill(2)
    mine = worker()
    clips = mine.claim(2)
    people.run(f"update clips set {edit} where id = %s", clip_id(1))  # a claim locks nothing
    assert mine.write([(clip, NEW) for clip in clips]) == {clips[1].key}
    assert people.texts()[0] in ("old", "mine")
    assert people.texts()[1] == "new"
    mine.release(clips[:1])
    held = "select claimed_by from clips where id = %s and status = 'pending'"
    assert people.run(held, clip_id(1)) in ([], [(None,)])  # else the claim ends by itself


def test_a_worker_does_not_wait_for_a_person_who_has_not_committed(server):
    server.fill(2)
    mine = worker()
    clips = mine.claim(2)
    with psycopg.connect(server.address) as editor:
        editor.execute("update clips set draft_transcription = 'mine' where id = %s", [clip_id(1)])
        before = time.perf_counter()
        assert mine.write([(clip, NEW) for clip in clips]) == {clips[1].key}
        mine.release(clips[:1])
        assert time.perf_counter() - before < 1
    assert server.texts() == ["mine", "new"]


def test_people_never_wait_while_workers_write(server):
    """One worker claims and writes without a pause, while a person edits 50 times."""
    server.fill(200)
    stop, seconds = threading.Event(), []

    def draft():
        version = 0
        while not stop.is_set():
            version += 1
            mine = worker(ModelName("tuned", f"v{version}"))
            while clips := mine.claim(40):
                mine.write([(clip, Draft(f"new {version}", 0.9, WORDS)) for clip in clips])

    thread = threading.Thread(target=draft)
    thread.start()
    with psycopg.connect(as_role(server.address, "authenticated"), autocommit=True) as person:
        for number in range(1, 51):
            before = time.perf_counter()
            person.execute("update clips set corrected_transcription = 'mine', "
                           "status = 'corrected' where id = %s", [clip_id(number)])  # fmt: skip
            seconds.append(time.perf_counter() - before)
            time.sleep(0.01)
    stop.set()
    thread.join()
    assert statistics.median(seconds) < 0.1  # the slowest one says how busy the machine is
    assert server.run("select count(*) from clips where corrected_transcription = 'mine' "
                      "and status = 'corrected'") == [(50,)]  # fmt: skip


def test_clips_that_wait_for_nothing_are_left_alone(people):
    people.fill(6)
    changes = ["status = 'rejected'", "split = 'test'", "corrected_transcription = 'mine'",
               "draft_version = 'v1'"]  # fmt: skip
    for number, change in enumerate(changes, start=1):
        people.run(f"update clips set {change} where id = %s", clip_id(number))
    assert worker().count() == 2
    assert numbers(worker().peek(9)) == [5, 6]
    assert numbers(worker().claim(9)) == [5, 6]


def test_a_failure_is_written_with_its_reason(people):
    people.fill(2)
    mine = worker()
    clips = mine.claim(2)
    mine.fail([(clips[0], "no such file\0 " + "x" * 999)])
    rows = people.run("select status, draft_failure, claimed_by from clips order by id")
    assert rows[0][0] == "failed"
    assert rows[0][1].startswith("no such file ")
    assert rows[0][2] is None
    assert rows[1][:2] == ("pending", None)
    columns = block().columns.model_dump() | {"failure": None}
    other = worker(columns=columns, failed=None)
    people.run("update clips set status = 'pending', claimed_by = null, claimed_until = null")
    other.fail([(clip, "again") for clip in other.claim(2)])
    assert people.run("select status, claimed_by from clips") == [("pending", None)] * 2
    assert other.claim(2) == []  # in this run; the next one tries again
    assert numbers(worker().claim(2)) == [1, 2]


def test_a_table_without_reasons_gets_the_status_of_a_failure(people):
    people.fill(1)
    mine = worker(columns=block().columns.model_dump() | {"failure": None})
    mine.fail([(clip, "no such file") for clip in mine.claim(1)])
    row = "select status, draft_failure, claimed_by from clips"
    assert people.run(row) == [("failed", None, None)]
    assert worker().count() == 0


def test_filters(people):
    people.fill(4)
    one = block()
    database = Database(one.dsn_env, 0.0)

    def count(*conditions, run=None):
        mine = worker()
        for condition in conditions:
            mine.only(of_value(condition, database, one, mine))
        if run:
            mine.only(of_run(run, database, one, mine, "conf"))
        return mine.count()

    assert count("age=3") == 1
    assert count("language=be", "age=9") == 0
    assert count(f"id={clip_id(2)}") == 1
    assert count(run="week 7") == 4 == count(run=RUN)
    with pytest.raises(InputError, match=r"--run: expected the label or id of one run.*'week 8'.*"
                       r"which 0 have; labels there: \['week 7'\]"):  # fmt: skip
        count(run="week 8")
    with pytest.raises(InputError, match="--where: expected KEY=VALUE, got 'age'"):
        count("age")


def test_wrong_names_are_named_before_anything_is_written(people):
    columns = block().columns.model_dump()
    with pytest.raises(InputError, match=r"^conf/redraft\.yaml: mine.columns: no column 'draaft' "
                       "in clips, there are .*'draft_transcription'"):  # fmt: skip
        worker(columns=columns | {"draft": "draaft"})
    with pytest.raises(InputError, match=r"expected a table of \$CLIPS_DSN, got 'klips'; there "
                       "are .*'clips'"):  # fmt: skip
        worker(table="klips")


def test_an_address_of_no_database(monkeypatch, tmp_path):
    for value, words in {"": "no such environment variable", "mysql://me:secret@host/x":
                         "another scheme"}.items():  # fmt: skip
        monkeypatch.setenv("CLIPS_DSN", value)
        with pytest.raises(InputError, match=rf"^\$CLIPS_DSN: expected postgresql://.*{words}$"):
            worker()
    monkeypatch.setenv("CLIPS_DSN", f"sqlite:///{tmp_path}/no.db")
    with pytest.raises(InputError, match=r"\$CLIPS_DSN: expected a database, there is no such"):
        worker()


def test_an_unreachable_database_is_tried_again_and_then_named(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("CLIPS_DSN", f"postgresql://me:secret@/clips?host={tmp_path}/secret")
    before = time.monotonic()
    with pytest.raises(InputError, match=r"^\$CLIPS_DSN: no connection: no socket there") as caught:
        worker(retry_s=1.2)
    assert 0.4 < time.monotonic() - before < 5
    said = capsys.readouterr().err
    assert "no socket there; trying again in 0.5 s" in said
    assert "secret" not in said + str(caught.value)
    assert caught.value.__suppress_context__


def test_a_connection_that_the_server_ends_is_made_anew(server):
    server.fill(2)
    mine = worker(retry_s=5.0)
    assert numbers(mine.claim(1)) == [1]
    server.run("select pg_terminate_backend(pid) from pg_stat_activity "
               "where usename = 'redraft_worker'")  # fmt: skip
    assert numbers(mine.claim(1)) == [2]


def test_a_table_without_an_index_is_said(server):
    server.run("create table bare as select * from clips")
    server.run("grant select, update on bare to redraft_worker")
    server.run("insert into bare (id, status) "
               "select gen_random_uuid(), 'pending' from generate_series(1, 120000)")  # fmt: skip
    server.run("analyze bare")
    assert worker(table="bare").full_scan()
    server.run("create index on bare (id) where status in ('pending')")
    assert not worker(table="bare").full_scan()
    assert not worker().full_scan()
    server.run("drop table bare")


def test_a_table_of_sqlite_without_an_index_is_said_too(tmp_path, monkeypatch):
    path = tmp_path / "clips.db"
    path.touch()
    people = People(f"sqlite:///{path}")
    for statement in SQLITE.replace("primary key", "").split(";"):
        people.run(statement)
    people.run("with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000) "
               "insert into clips (id, status) select i, 'pending' from n")  # fmt: skip
    monkeypatch.setenv("CLIPS_DSN", people.address)
    assert worker().full_scan()
    people.run("create index by_id on clips (id)")
    assert not worker().full_scan()


def test_nothing_is_prepared_on_the_server(server):
    """Supabase's transaction pooler gives each transaction another connection."""
    server.fill(1)
    mine = worker()
    for _ in range(12):  # psycopg prepares after the fifth
        assert mine.count() == 1
    import sqlalchemy as sa

    found = mine._database.rows(sa.text("select count(*) as num from pg_prepared_statements"))
    assert found == [{"num": 0}]


def test_roles_may_change_their_own_columns_alone(server):
    server.fill(3)
    server.run("update clips set split = 'test' where id = %s", clip_id(3))

    def run(role, statement):
        return People(as_role(server.address, role)).run(statement)

    denied = pytest.raises(psycopg.errors.InsufficientPrivilege)
    with denied:
        run("redraft_worker", "update clips set corrected_transcription = 'machine'")
    with denied:
        run("redraft_worker", "update clips set status = 'corrected'")
    with denied:
        run("redraft_worker", "insert into clips (run_id, storage_path) values (null, 'x')")
    with denied:
        run("authenticated", "update clips set draft_transcription = 'x'")
    with denied:
        run("corpus_reader", "update clips set status = 'pending'")
    assert run("redraft_worker", "select count(*) from clips") == [(2,)]
    run("redraft_worker", "update clips set draft_transcription = 'mine'")
    assert server.texts() == ["mine", "mine", "old"]
    run("authenticated", f"update clips set corrected_transcription = 'a', status = 'corrected' "
        f"where id = '{clip_id(1)}'")  # fmt: skip
    run("redraft_worker", "update clips set draft_transcription = 'late'")
    assert server.texts() == ["mine", "late", "old"]
    run(
        "authenticated", "update clips set corrected_transcription = 'b' where status = 'corrected'"
    )
    run("authenticated", "update clips set status = 'pending' where status = 'corrected'")
    found = run("corpus_reader", "select transcription from corrections order by number")
    assert found == [("a",), ("b",), (None,)]
