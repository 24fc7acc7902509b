# python -m pytest tests/test_result_cache.py
import signal
import sqlite3
import subprocess
import sys

import pytest

from asr.core.errors import InputError
from asr.core.result_cache import FILE, NO_CACHE, result_cache


def test_a_result_is_found_by_its_inputs(tmp_path):
    with result_cache(tmp_path) as results:
        results.put(["judge 1", "clip", 4.0], {"text": "«кот»", "log_probs": [-0.1, -1e-17]})
    with result_cache(tmp_path) as results:
        found = results.get(["judge 1", "clip", 4.0])
        assert found == {"text": "«кот»", "log_probs": [-0.1, -1e-17]}
        assert results.get(["judge 1", "clip", 4.5]) is None
        assert results.get(["judge 2", "clip", 4.0]) is None
        results.drop(["judge 1", "clip", 4.0])
        assert results.get(["judge 1", "clip", 4.0]) is None


def test_pruning_deletes_what_a_run_did_not_use(tmp_path):
    with result_cache(tmp_path) as results:
        results.put("old", 1)
        results.put("used", 2)
    with result_cache(tmp_path) as results:
        assert results.get("used") == 2
        results.put("new", 3)
        results.put("new", 4)
        results.prune()
    with result_cache(tmp_path) as results:
        assert [results.get(one) for one in ("old", "used", "new")] == [None, 2, 4]


def test_deleted_results_are_overwritten_also_where_sqlite_leaves_them(tmp_path, monkeypatch):
    def as_sqlite_is_built_elsewhere(path):
        rows = sqlite3.connect(path, isolation_level=None)
        rows.execute("PRAGMA secure_delete=OFF")
        return rows

    monkeypatch.setattr("asr.core.result_cache._connect", as_sqlite_is_built_elsewhere)
    with result_cache(tmp_path) as cache:
        cache.put(["clip 1"], {"text": "my name is Ana"})
        cache.put(["clip 2"], {"text": "дзень добры"})
        cache.drop(["clip 1"])
    content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"Ana" not in content
    assert "добры".encode() in content


def test_one_process_at_a_time_has_the_cache(tmp_path):
    with result_cache(tmp_path) as results:
        results.put("inputs", 1)
        with result_cache(tmp_path) as beside:
            beside.put("inputs", 2)
            assert beside.get("inputs") is None
        assert results.get("inputs") == 1


def test_a_changed_row_is_missing(tmp_path):
    with result_cache(tmp_path) as results:
        results.put("first", "котка")
        results.put("second", "куче")
    with sqlite3.connect(tmp_path / FILE) as rows:
        rows.execute("UPDATE results SET result = replace(result, 'кот', 'рот')")
    with result_cache(tmp_path) as results:
        assert [results.get("first"), results.get("second")] == [None, "куче"]


def test_a_damaged_file_is_replaced(tmp_path, capsys):
    with result_cache(tmp_path) as results:
        results.put("inputs", "x" * 20_000)
    (tmp_path / FILE).write_bytes((tmp_path / FILE).read_bytes()[:5000])
    with result_cache(tmp_path) as results:
        assert results.get("inputs") is None
        results.put("inputs", 1)
        assert results.get("inputs") == 1
    assert f"{FILE}: damaged" in capsys.readouterr().err


def test_a_file_of_another_version_is_replaced_and_said(tmp_path, capsys):
    with sqlite3.connect(tmp_path / FILE) as rows:
        rows.execute("CREATE TABLE results (key BLOB PRIMARY KEY, value TEXT)")
        rows.execute("INSERT INTO results VALUES (x'00', 'old')")
    with result_cache(tmp_path) as results:
        assert results.get("inputs") is None
        results.put("inputs", 1)
        assert results.get("inputs") == 1
    assert f"{FILE}: damaged, or of another version" in capsys.readouterr().err


PUT_UNTIL_KILLED = """
import os, signal, sys
from pathlib import Path
from asr.core.result_cache import result_cache
with result_cache(Path(sys.argv[1])) as results:
    for number in range(100):
        results.put(number, "result")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.integration
def test_a_kill_takes_no_result(tmp_path):
    killed = subprocess.run([sys.executable, "-c", PUT_UNTIL_KILLED, str(tmp_path)])
    assert killed.returncode == -signal.SIGKILL
    with result_cache(tmp_path) as results:
        assert [results.get(number) for number in range(100)] == ["result"] * 100


def test_a_full_disk_is_an_error_and_earlier_results_stay(small_disk):
    with result_cache(small_disk) as results:
        results.put("inputs", 1)
        with pytest.raises(InputError, match=rf"{FILE}: can't be written: .*full"):
            results.put("long", "ы" * 200_000)
    with result_cache(small_disk) as results:
        assert results.get("inputs") == 1


def test_without_a_cache_nothing_is_stored():
    NO_CACHE.put("inputs", 1)
    NO_CACHE.prune()
    assert NO_CACHE.get("inputs") is None
