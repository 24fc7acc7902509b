# python -m pytest tests/test_tables.py
import gzip

import pytest

from asr.core.errors import InputError
from asr.corpora.id_table import read_id_table
from asr.corpora.tables import Row, read_rows


def rows(name, content):
    return list(read_rows({name: content}, name))


TABLES = [
    ("t.csv", 'a,b\r\n1,"x\ny, z"\r\n\r\n2,„q“\r\n'.encode(), ["t.csv:3", "t.csv:5"]),
    ("t.tsv", 'a\tb\r\n1\tx "y\r\n\r\n2\t„q“\r\n'.encode(), ["t.tsv:2", "t.tsv:4"]),
    ("t.jsonl", '{"a": "1"}\n\n{"a": "2", "b": "\u2028"}\n'.encode(), ["t.jsonl:1", "t.jsonl:3"]),
    ("t.json", b'\r\n [{"a": "1"},\n{"a": "2"}]', ["t.json: item 1", "t.json: item 2"]),
]  # fmt: skip


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize(("name", "content", "places"), TABLES)
def test_each_kind_of_table_has_rows_with_their_places(name, content, places, mark):
    found = rows(name, mark + content)
    assert [(row.file, row.place, row.values["a"]) for row in found] == [
        (name, places[0], "1"), (name, places[1], "2")
    ]  # fmt: skip
    assert all(row.fault is None for row in found)
    packed = rows(f"{name}.gz", gzip.compress(mark + content))
    assert [row.values for row in packed] == [row.values for row in found]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_header_shows_what_parts_the_cells_of_a_csv(separator):
    content = f'a{separator}b{separator}"c,;\tc"\n1{separator}"2{separator} 3"{separator}4\n'
    (row,) = rows("T.CSV", content.encode())
    assert row.values == {"a": "1", "b": f"2{separator} 3", "c,;\tc": "4"}


def test_a_quote_is_for_csv_alone():
    assert [row.values["b"] for row in rows(*TABLES[0][:2])] == ["x\ny, z", "„q“"]
    assert [row.values["b"] for row in rows(*TABLES[1][:2])] == ['x "y', "„q“"]


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("t.csv", b"a,b\n1,2,3\n1,2\n", "t.csv:2: expected 2 columns, got 3"),
        ("t.tsv", b"a\tb\n1\n1\t2\n", "t.tsv:2: expected 2 columns, got 1"),
        ("t.tsv", b"a\tb\n\xff\t2\n1\t2\n", "t.tsv:2: expected UTF-8, got the byte 0xff"),
        ("t.csv", b"a,b\n\xff,2\n1,2\n", "t.csv:2: expected UTF-8, got the byte 0xff"),
        ("t.jsonl", b'7\n{"a": "1"}\n', "t.jsonl:1: expected an object, got 7"),
        ("t.json", b'[7, {"a": "1"}]', "t.json: item 1: expected an object, got 7"),
    ],
)
def test_a_line_that_cannot_be_read_costs_itself(name, content, fault):
    faulty, whole = rows(name, content)
    place = fault[: fault.index(": expected")]
    assert faulty == Row(name, place, {}, fault)
    assert whole.fault is None and whole.values["a"] == "1"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"\xff,b\n1,2\n", r"^t\.csv:1: expected UTF-8"),
        ("t.csv", b"a,b,a\n1,2,3\n", r"^t\.csv:1: expected columns of different names, got 'a' tw"),
        ("t.tsv", b"\na\t\xff\n1\t2\n", r"^t\.tsv:2: expected UTF-8"),
        ("t.tsv", b"b\tb\n", r"^t\.tsv:1: expected columns of different names, got 'b' twice"),
        ("t.json", b"[{]", r"^t\.json: expected JSON, got "),
        (
            "t.csv.gz",
            gzip.compress(b"a,b\n" * 99)[:-9],
            r"^t\.csv\.gz: expected a whole \.gz, got ",
        ),
    ],
)
def test_a_table_that_cannot_be_read_is_named(name, content, message):
    with pytest.raises(InputError, match=message):
        rows(name, content)


def test_columns_without_a_name_are_left_out():
    assert rows("t.csv", b" a ,,\n1,2,3\n")[0].values == {"a": "1"}


def test_an_empty_line_of_a_kaldi_table_hides_no_other():
    table = read_id_table({"text": b"a da ne\n\n \nb\tja\r\nc\n"}, "text")
    assert {key: (line.place, line.value) for key, line in table.lines.items()} == {
        "a": ("text:1", "da ne"), "b": ("text:4", "ja"), "c": ("text:5", "")
    }  # fmt: skip
    assert table.others == [] and read_id_table({}, "text").lines == {}
