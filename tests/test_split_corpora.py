# python -m pytest tests/test_split_corpora.py
from pathlib import Path

import pytest

from asr.core.errors import InputError
from asr.splits.corpora import check_corpora

FILES = [
    "data/prepared/be/0.parquet", "data/prepared/.gitignore", "data/rejects/be.csv",
    "data/audit/be.csv", "audit/be.json",
]  # fmt: skip


def check(*files):
    """Check folders with these files beside those of the corpus «be»."""
    for path in map(Path, files):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    data = Path("data")
    check_corpora(["be"], data / "prepared", data / "rejects", data / "audit", Path("audit"))


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_folders_of_all_corpora_are_taken_with_metrics_and_without():
    check(*FILES[:-1])
    check(FILES[-1])


def test_what_a_removed_corpus_left_is_named_beyond_the_folders_read():
    left = [
        "data/raw/my corpus/a.wav", "data/inventory/my corpus.csv", "data/rejects/my corpus.csv",
        "data/validation/my corpus.json", "audit/my corpus.json",
    ]  # fmt: skip
    with pytest.raises(InputError) as caught:
        check(*FILES, *left, "data/raw/be/a.wav", "data/inventory/other.csv")
    assert str(caught.value) == (
        "['my corpus'] belong to no corpus of params.yaml; remove them: rm -r "
        "'data/rejects/my corpus.csv' 'audit/my corpus.json' 'data/raw/my corpus' "
        "'data/inventory/my corpus.csv' 'data/validation/my corpus.json'"
    )


def test_metrics_of_a_corpus_that_another_one_replaced_are_named_and_stop_nothing(capsys):
    check(*FILES)
    assert capsys.readouterr().out == ""
    check("audit/old.json")
    assert capsys.readouterr().out == (
        "['old'] belong to no corpus of params.yaml; remove them: rm -r audit/old.json\n"
    )


def test_what_is_missing_is_named_by_folder():
    with pytest.raises(InputError) as caught:
        check(FILES[0], "data/audit/old.csv")
    assert str(caught.value) == (
        "data/rejects: expected ['be.csv'], missing ['be.csv']; "
        "data/audit: expected ['be.csv'], missing ['be.csv']; "
        "['old'] belong to no corpus of params.yaml; remove them: rm -r data/audit/old.csv"
    )
