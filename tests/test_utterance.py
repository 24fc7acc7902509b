# python -m pytest tests/test_utterance.py
import pytest

from asr.core.errors import InputError
from asr.utterances.utterance import read_manifest, write_manifest
from tests.examples import utterance


def test_utterances_come_back(tmp_path):
    utterances = [
        utterance("a", text="Ça coûte 5\u2028€.", attributes={"age_bucket": "7-9"}),
        utterance("b", speaker_id="s1", session_id="t1"),
    ]
    write_manifest(tmp_path / "test.jsonl", utterances)
    assert read_manifest(tmp_path / "test.jsonl") == utterances


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"duration_s":1.0', '"duration_s":-1.0', r"duration_s: .*greater than 0, got -1\.0"),
        ('"duration_s":1.0', '"duration_s":"1"', r"duration_s: .*valid number, got '1'"),
        ('"language":"be"', '"lang":"be"', r"language: Field required"),
        ('"row":0', '"row":0,"colour":1', r"colour: Extra inputs"),
        ('"row":0}', "", "the line: Invalid JSON"),
    ],
)
def test_a_bad_line_names_file_line_and_key(tmp_path, old, new, message):
    path = tmp_path / "test.jsonl"
    write_manifest(path, [utterance("a"), utterance("b")])
    first, second = path.read_text().splitlines()
    path.write_text(f"{first}\n{second.replace(old, new)}\n")
    with pytest.raises(InputError, match=rf"test\.jsonl:2: {message}"):
        read_manifest(path)


def test_an_id_that_comes_twice_is_named(tmp_path):
    path = tmp_path / "test.jsonl"
    write_manifest(path, [utterance("a"), utterance("b"), utterance("a")])
    with pytest.raises(InputError, match=r"test\.jsonl:3: id 'xx/a' appears twice"):
        read_manifest(path)


def test_a_million_lines_share_what_pydantic_notes_of_each(tmp_path):
    write_manifest(tmp_path / "test.jsonl", [utterance("a"), utterance("b")])
    first, second = read_manifest(tmp_path / "test.jsonl")
    assert first.model_fields_set is second.model_fields_set  # 0.7 kB each otherwise
    assert first.model_copy(update={"text": "Два."}).model_dump() == {
        **first.model_dump(), "text": "Два.",
    }  # fmt: skip
