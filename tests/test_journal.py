# python -m pytest tests/test_journal.py
"""Rows of a run that is killed and goes on."""

import pytest

from asr.core.errors import InputError
from asr.core.schema import Schema
from asr.decoding.journal import open_journal


class Row(Schema):
    id: str


FACTS = {"model": "a1", "params": {"num_beams": 5}}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "folder" / "out.jsonl"
    with open_journal(path, Row, FACTS) as journal:
        journal.append([Row(id="a"), Row(id="b")])
    return path


def rows(path, facts=FACTS):
    with open_journal(path, Row, facts) as journal:
        return [row.id for row in journal.rows]


def test_rows_are_there_when_the_file_is_opened_again(path):
    assert path.read_text() == '{"id":"a"}\n{"id":"b"}\n'
    with open_journal(path, Row, FACTS) as journal:
        journal.append([Row(id="c")])
        assert [row.id for row in journal.rows] == ["a", "b", "c"]
    assert rows(path) == ["a", "b", "c"]


@pytest.mark.parametrize("torn", ['{"id":"c"}', '{"id":', "\0\0\0", "\0\0\n", '{"id":"ц'])
def test_a_last_line_that_is_not_whole_is_cut_off(path, torn):
    whole = path.read_text()
    path.write_text(whole + torn)
    with open_journal(path, Row, FACTS) as journal:
        assert [row.id for row in journal.rows] == ["a", "b"]
        journal.append([Row(id="c")])
    assert path.read_text() == whole + '{"id":"c"}\n'


def test_a_damaged_line_before_the_last_is_named(path):
    path.write_text('{"id":"a"}\n{"no":1}\n{"id":"c"}\n')
    with pytest.raises(InputError, match=r"out\.jsonl:2: id: Field required"):
        rows(path)


def test_rows_of_another_run_are_refused_with_what_differs(path):
    with pytest.raises(InputError, match=r"model: expected 'a1' as in the run that .* got 'a2'; "):
        rows(path, FACTS | {"model": "a2"})
    with pytest.raises(InputError, match=r"params: expected .*: 5} as in .*, got .*: 1}; take"):
        rows(path, FACTS | {"params": {"num_beams": 1}})
    path.with_name("out.jsonl.run.json").unlink()
    with pytest.raises(InputError, match=r"a new file or one with out\.jsonl\.run\.json beside it"):
        rows(path)


def test_two_processes_do_not_write_one_file(path):
    with (
        open_journal(path, Row, FACTS),
        pytest.raises(InputError, match="another process is writing it"),
    ):
        rows(path)


def test_a_full_disk_is_named_and_what_was_written_stays(small_disk):
    path = small_disk / "out.jsonl"
    with open_journal(path, Row, FACTS) as journal:
        journal.append([Row(id="a")])
        with pytest.raises(InputError, match=r"out\.jsonl: can't be written: .*No space left"):
            journal.append([Row(id="x" * 1000)] * 1000)
    assert rows(path)[:1] == ["a"]
