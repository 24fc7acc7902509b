import pytest

from asr.core.csv_files import read_csv, write_csv
from asr.core.errors import InputError


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "new" / "table.csv"
    write_csv(path, ["id", "cer", "text"], [("a", 0.5, "жук,\n«жук»"), ("b", None, 'say "b"')])
    assert path.read_bytes().decode() == 'id,cer,text\na,0.5,"жук,\n«жук»"\nb,,"say ""b"""\n'
    assert list(read_csv(path, ["id", "cer", "text"])) == [
        {"id": "a", "cer": "0.5", "text": "жук,\n«жук»"},
        {"id": "b", "cer": "", "text": 'say "b"'},
    ]


def test_a_table_that_fails_half_way_leaves_the_one_before(tmp_path):
    path = tmp_path / "table.csv"
    write_csv(path, ["n"], [[1]])
    with pytest.raises(ZeroDivisionError):
        write_csv(path, ["n"], ([1 / n] for n in (1, 0)))
    assert path.read_text() == "n\n1\n"
    assert list(tmp_path.iterdir()) == [path]


def test_other_columns_are_named(tmp_path):
    write_csv(tmp_path / "table.csv", ["n", "m"], [])
    with pytest.raises(InputError, match=r"table\.csv: expected columns \['n'\], got \['n', 'm'\]"):
        list(read_csv(tmp_path / "table.csv", ["n"]))
