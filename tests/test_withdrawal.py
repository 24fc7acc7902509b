# python -m pytest tests/test_withdrawal.py
"""A rule under ``withdrawn`` of a corpus: what fetch then keeps, of each format."""

from pathlib import Path

import pytest

from asr.core.errors import InputError
from asr.corpora.params import Corpus, Withdrawn
from asr.corpora.raw_folder import FILES, Provenance, RawFiles, write_files, write_provenance
from asr.corpora.withdrawn import drop_withdrawn, hash_of_id, is_withdrawn, read_recordings
from asr.preparation.corpus import Corpus as Described
from asr.preparation.corpus import Outs, prepare_corpus
from asr.preparation.rejects import count_rejects
from asr.preparation.reuse import preparation_cache
from asr.utterances.shards import read_utterances
from asr.workers.workers import Workers
from tests.corpus_examples import ONE, TWO, corpora, jsonl
from tests.examples import tone, wav
from tests.test_preparation import PARAMS

FIRST, SECOND = wav(tone(1.0)), wav(tone(1.0, hz=300.0))
PROVENANCE = Provenance(
    kind="folder", origin="home:/x", sha256=None, license="CC0-1.0", num_files=1
)


def fetched(folder: Path, files: dict[str, bytes], form: str, **rule: list[str]) -> Corpus:
    """A raw folder as fetch leaves it, and the corpus's line."""
    provenance = PROVENANCE.model_copy(update={"num_files": len(files)})
    write_files(folder / FILES, files.items())
    write_provenance(folder, provenance)
    line = Corpus(format=form, language="hr", source="home", withdrawn=Withdrawn(**rule))
    drop_withdrawn(folder, "xx", line, provenance)
    return line


def assert_only_the_second(folder: Path, line: Corpus) -> None:
    gone, kept = sorted(read_recordings(folder, line), key=lambda one: not one.withdrawn)
    assert gone.withdrawn and not gone.audio and gone.text is gone.speaker_id is None
    assert kept.text == TWO and kept.speaker_id in ("s2", "26", None)
    assert bytes(kept.audio) == SECOND
    # Uncompressed, so that whatever is there could be seen.
    there = b"".join(path.read_bytes() for path in folder.iterdir())
    assert TWO.encode() in there and ONE.encode() not in there
    assert SECOND in there and FIRST not in there
    assert len(RawFiles(folder)) == 1


FORMATS = sorted(corpora(FIRST, SECOND))


# Of the others two name no speakers, and Asterisk's prompts are all of one.
@pytest.mark.parametrize(
    "form", [form for form in FORMATS if form not in ("stamps", "fleurs", "asterisk")]
)
def test_a_speaker_is_gone_from_a_corpus_of_any_format(form, tmp_path):
    files = corpora(FIRST, SECOND)[form]
    line = fetched(tmp_path, files, form, speakers=["19", "s1"])
    assert_only_the_second(tmp_path, line)


def test_without_a_rule_the_source_is_read_as_it_is(tmp_path):
    files = corpora(FIRST, SECOND)["jsonl"]
    write_files(tmp_path / FILES, files.items())
    write_provenance(tmp_path, PROVENANCE.model_copy(update={"num_files": len(files)}))
    line = Corpus(format="jsonl", language="hr", source="home")
    found = {one.text: bytes(one.audio) for one in read_recordings(tmp_path, line)}
    assert found == {ONE: FIRST, TWO: SECOND}


def test_a_source_is_gone_by_a_pattern_of_its_files(tmp_path):
    files = corpora(FIRST, SECOND)["stamps"]
    assert_only_the_second(tmp_path, fetched(tmp_path, files, "stamps", sources=["birds/one*"]))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a/b:c.wav", True),
        ("home:/x:a/b:c.wav", True),
        ("a/*", True),
        ("*.org/talks/*", True),
        ("b:c", False),
        ("A/*", False),
    ],
)
def test_patterns_are_of_the_file_the_whole_source_or_the_address(pattern, expected):
    rule = Withdrawn(sources=[pattern])
    attributes = {"source_url": "https://example.org/talks/1"}
    assert is_withdrawn(rule, "s1", "home:/x:a/b:c.wav", attributes) == expected
    assert not is_withdrawn(rule, "s1", "home:/x:other.wav", {})


def test_prepare_lists_the_withdrawn_by_a_hash_alone(tmp_path):
    line = fetched(tmp_path, corpora(FIRST, SECOND)["jsonl"], "jsonl", speakers=["s1"])
    outs = Outs(*(tmp_path / name for name in ("out", "rejects.csv", "all.csv", "sum.json")))
    with preparation_cache(tmp_path / "last", PARAMS) as last:
        described = Described("xx", "hr", PROVENANCE)
        recordings = read_recordings(tmp_path, line)
        prepare_corpus(described, recordings, PARAMS, outs, Workers("serial"), last)
    assert [one.id for one in read_utterances(outs.shards)] == ["xx/two"]
    assert count_rejects(outs.rejects) == {"withdrawn": 1}
    assert f"xx/withdrawn-{hash_of_id('xx/one')},withdrawn," in outs.rejects.read_text()


def test_a_file_that_others_speak_in_is_refused(tmp_path):
    rows = [
        {"id": name, "audio_path": "both.wav", "text": f"{name}.", "speaker_id": name}
        for name in ("anna", "boris")
    ]
    files = {"m.jsonl": jsonl(*rows), "both.wav": FIRST}
    with pytest.raises(InputError, match=r"corpora.xx: withdrawn: both.wav: expected a file that"):
        fetched(tmp_path, files, "jsonl", speakers=["anna"])


def test_nothing_left_is_refused(tmp_path):
    with pytest.raises(InputError, match="recordings to remain, got none; remove the corpus"):
        fetched(tmp_path, corpora(FIRST, SECOND)["jsonl"], "jsonl", sources=["*"])
