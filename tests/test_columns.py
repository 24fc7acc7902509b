# python -m pytest tests/test_columns.py
"""What becomes of a row of a table: the columns, the split, the fault of a row."""

import datetime
import json

import pytest

from asr.core.errors import InputError
from asr.corpora.formats import corpus_format, read_corpus
from asr.corpora.params import Corpus
from asr.corpora.values import attribute_text
from tests.corpus_examples import jsonl


def read(files, **columns):
    files = {"a.wav": b"a", "b.wav": b"b"} | files
    return list(corpus_format("jsonl").read(dict(sorted(files.items())), "hr", columns))


def row(**values):
    return {"audio": "a.wav", "text": "da"} | values


def test_a_row_without_a_column_that_its_table_has_costs_that_row_alone():
    one, two = read({"m.jsonl": jsonl({"audio": "a.wav"}, row(audio="b.wav"))})
    assert one.fault.startswith("m.jsonl:1: expected a key text or ") and two.fault is None


def test_of_two_tables_the_one_without_a_column_is_named():
    files = {"m.jsonl": jsonl(row()), "n.jsonl": jsonl({"audio": "b.wav"})}
    with pytest.raises(InputError, match=r"n\.jsonl:1: expected a key text or .*got \['audio'\]"):
        read(files)


def test_of_two_columns_that_could_be_meant_the_first_is_shown_as_the_key_to_set():
    with pytest.raises(InputError, match=r"m\.jsonl:1: .*corpora\.<name>\.columns: {text: text}"):
        read({"m.jsonl": jsonl(row(sentence="ne"))})


def test_a_faulty_row_has_a_name_of_its_own_and_its_table_where_it_has_no_file():
    ids = [row(id="m.jsonl:3"), row(id="m.jsonl:3~"), row(audio="c.wav", language="Klingo")]
    *_, faulty = read({"m.jsonl": jsonl(*ids, row(id="m.jsonl:3~~", audio="b.wav"))})
    assert faulty.fault == "m.jsonl:4: id 'm.jsonl:3~~' appears twice, first at m.jsonl:3"
    *_, faulty = read({"m.jsonl": jsonl(*ids)})
    assert (faulty.name, faulty.file, faulty.audio) == ("m.jsonl:3~~", "m.jsonl", b"")


@pytest.mark.parametrize(
    ("file", "values", "attributes"),
    [
        ("a.wav", {}, {}),
        ("a.wav", {"split": "train"}, {"split": "train"}),
        ("a.wav", {"split": "validation"}, {"subset": "validation", "split": "dev"}),
        ("a.wav", {"split": "invited"}, {"subset": "invited"}),
        ("test/a.wav", {}, {"split": "test"}),
        ("test/a.wav", {"split": "train"}, {"split": "train"}),
        ("a.wav", {"split": None, "age": 7, "note": ""}, {"age": "7"}),
    ],
)
def test_the_split_is_the_columns_then_the_folders(file, values, attributes):
    (one,) = read({"m.jsonl": jsonl(row(audio=file, **values)), file: b"c"})
    assert one.attributes == attributes


def test_a_column_that_params_name_as_the_split_is_no_other_attribute():
    (one,) = read({"m.jsonl": jsonl(row(fold="dev"))}, split="fold")
    assert one.attributes == {"split": "dev"}


@pytest.mark.parametrize("value", ["und", "UND", "unknown", "Unknown", None, " "])
def test_a_row_need_not_know_its_language(value):
    (one,) = read({"m.jsonl": jsonl(row(language=value))})
    assert (one.language, one.fault, one.attributes) == (None, None, {})


def test_a_wrong_channel_is_named_with_its_column():
    (one,) = read({"m.jsonl": jsonl(row(side="left"))}, channel="side")
    assert one.fault == "m.jsonl:1: side: expected a channel, 0 or more, got 'left'"


def test_other_values_are_json_in_an_order_that_is_always_the_same():
    assert attribute_text("ž, 7") == "ž, 7"
    assert attribute_text([{"ž": 1, "a": None}, 0.5]) == '[{"a": null, "ž": 1}, 0.5]'
    assert json.loads(attribute_text(datetime.date(2024, 5, 1))) == "2024-05-01"


def corpus(**changes):
    return Corpus(format="jsonl", language="hr", source="home", **changes)


def test_channels_of_a_file_share_its_session():
    files = {"m.jsonl": jsonl(row(), row(audio="b.wav", session="s1")), "a.wav": b"", "b.wav": b""}
    for channel in ("each", "mean", 1):
        found = read_corpus(files, corpus(channel=channel))
        sessions = [one.session_id for one in found]
        assert sessions == (["a.wav", "s1"] if channel == "each" else [None, "s1"])


def test_audio_that_no_row_names_has_a_name_of_its_own():
    files = {"m.jsonl": jsonl(row(id="b.wav"), row(id="b.wav~")), "a.wav": b"", "b.wav": b""}
    *_, other = read_corpus(files, corpus())
    assert (other.name, other.file, other.unlisted) == ("b.wav~~", "b.wav", True)


def test_an_unknown_format_is_named_with_its_key_and_those_there_are():
    with pytest.raises(InputError, match=r"corpora: format: no 'jason' in .*jsonl"):
        corpus_format("jason")
