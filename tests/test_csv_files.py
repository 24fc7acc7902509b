import csv
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


FORMULAS = [
    "=1+2",
    "+5 °C",
    "-word",
    "@SUM(A1)",
    "\tx",
    "\rx",
    "'=1",
    "''-a",
    "'",
    "'a",
    "-",
    "a=b",
]


def test_a_text_that_looks_like_a_formula_is_shown_as_text_and_read_back(tmp_path):
    path = tmp_path / "table.csv"
    write_csv(path, ["text"], [(text,) for text in FORMULAS])
    assert [row["text"] for row in read_csv(path, ["text"])] == FORMULAS
    with path.open(newline="", encoding="utf-8") as file:
        cells = [cell for (cell,) in csv.reader(file)][1:]
    assert cells[:7] == ["'=1+2", "'+5 °C", "'-word", "'@SUM(A1)", "'\tx", "'\rx", "''=1"]
    assert cells[-4:] == ["'", "'a", "'-", "a=b"]


@given(st.lists(st.text(st.sampled_from("'=+-@\t\r\n,\"a1"))))
def test_any_text_is_read_back(texts):
    with TemporaryDirectory() as folder:
        write_csv(Path(folder) / "t.csv", ["n", "text"], list(enumerate(texts)))
        rows = read_csv(Path(folder) / "t.csv", ["n", "text"])
        assert [row["text"] for row in rows] == texts


def test_negative_numbers_stay_numbers(tmp_path):
    path = tmp_path / "table.csv"
    write_csv(path, ["a", "b", "c"], [(-3.2, "-3.2", "-1e-05")])
    assert path.read_text() == "a,b,c\n-3.2,-3.2,-1e-05\n"


def test_a_table_for_other_programs_has_its_texts_unchanged(tmp_path):
    write_csv(tmp_path / "table.csv", ["text"], [("-5 stopinj",)], formulas=True)
    assert (tmp_path / "table.csv").read_text() == "text\n-5 stopinj\n"


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
