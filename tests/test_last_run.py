# python -m pytest tests/test_last_run.py
"""What is known of the last run is never wrong, and is known."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from asr.corpora.raw_folder import FILES, RawFiles, stored, write_files, write_provenance
from asr.corpora.recording import Recording
from asr.preparation.corpus import Outs, prepare_corpus
from asr.preparation.reuse import last_run
from asr.workers.workers import Workers
from tests.examples import wav
from tests.test_preparation import CORPUS, PARAMS

ROOT = Path(__file__).parent.parent
NUM = 60  # half a second of noise each: 16 000 bytes, so that a shard of 1 MiB holds 49 to 65


def recording(number, text="Добры дзень."):
    samples = np.random.default_rng(number).uniform(-0.5, 0.5, 8_000).astype(np.float32)
    name = f"r{number:03}"
    return Recording(name=name, text=text, audio=wav(samples), file=f"{name}.wav")


RECORDINGS = [
    *(recording(number) for number in range(NUM)),
    replace(recording(3), name="same"),
    recording(998, text=None),
    Recording(name="noise", text="Шум.", audio=b"RIFF", file="noise.wav"),
]


@pytest.fixture
def prepare(tmp_path):
    """Prepare, and return what was written: by file name its bytes, and the rejects."""

    def run(recordings, folder="last", **params):
        out, rejects = tmp_path / "out", tmp_path / "rejects.csv"
        changed = PARAMS.model_copy(update=params)
        with last_run(tmp_path / folder, changed) as last:
            outs = Outs(out, rejects, tmp_path / "inventory.csv", tmp_path / "validation.json")
            prepare_corpus(CORPUS, recordings, changed, outs, Workers("serial"), last)
        files = {path.name: path.read_bytes() for path in sorted(out.iterdir())}
        return files, rejects.read_text()

    return run


def known(folder, recordings, **params):
    """The names of the recordings that need no decoding."""
    with last_run(folder, PARAMS.model_copy(update=params)) as last:
        return [one.name for one in recordings if last.outcomes(one) is not None]


def test_a_second_run_decodes_nothing_and_writes_the_same(prepare, tmp_path):
    assert known(tmp_path / "last", RECORDINGS) == []
    first = prepare(RECORDINGS)
    assert len(first[0]) > 1
    assert known(tmp_path / "last", RECORDINGS) == [one.name for one in RECORDINGS]
    assert prepare(RECORDINGS) == first
    kept = {path.stat().st_ino for path in (tmp_path / "last").glob("*.parquet")}
    assert {path.stat().st_ino for path in (tmp_path / "out").iterdir()} == kept  # no room taken


def test_what_comes_in_is_all_that_is_decoded(prepare, tmp_path):
    prepare(RECORDINGS)
    more = [*RECORDINGS[:10], *(recording(number) for number in range(200, 210)), *RECORDINGS[10:]]
    assert len(known(tmp_path / "last", more)) == len(RECORDINGS)
    assert prepare(more) == prepare(more, "from scratch")
    fewer = RECORDINGS[:3] + RECORDINGS[30:]
    assert prepare(fewer) == prepare(fewer, "from scratch, too")


def test_what_is_known_is_found_in_any_order(prepare, tmp_path):
    prepare(RECORDINGS)
    for others in (RECORDINGS[::-1], RECORDINGS[7:] + RECORDINGS[:7], [*RECORDINGS[::3]] * 2):
        assert known(tmp_path / "last", others) == [one.name for one in others]
    assert prepare(RECORDINGS[::-1]) == prepare(RECORDINGS[::-1], "from scratch")


def test_a_file_whose_hash_is_known_is_not_read(prepare, tmp_path, monkeypatch):
    read = []
    get = RawFiles.__getitem__
    monkeypatch.setattr(
        RawFiles, "__getitem__", lambda *asked: read.append(asked[1]) or get(*asked)
    )

    def prepare_raw(recordings):
        num_files = write_files(tmp_path / FILES, [(one.file, one.audio) for one in recordings])
        write_provenance(tmp_path, CORPUS.provenance.model_copy(update={"num_files": num_files}))
        raw = RawFiles(tmp_path)
        read.clear()
        return prepare([replace(one, audio=stored(raw, one.file)) for one in recordings])

    recordings = RECORDINGS[:20]
    assert prepare_raw(recordings) == prepare(recordings, "from scratch")
    assert len(read) == 20
    more = [*recordings[:5], recording(200), *recordings[5:]]
    more[9] = replace(more[9], audio=recording(201).audio)  # of the same size
    assert prepare_raw(more) == prepare(more, "from scratch, too")
    assert read == ["r200.wav", more[9].file]


def test_another_text_sound_or_limit_is_another_question(prepare, tmp_path):
    prepare(RECORDINGS)
    first, second = RECORDINGS[:2]
    asked = [replace(first, text="Іншае."), replace(first, audio=second.audio), second]
    assert known(tmp_path / "last", asked) == [second.name]
    assert known(tmp_path / "last", RECORDINGS, max_chars_per_s=24.0) == []
    unheard = {"max_rejected_share": 0.5, "shard_mb": 2, "max_utterances": 3}
    assert len(known(tmp_path / "last", RECORDINGS, **unheard)) == len(RECORDINGS)


def test_a_flipped_byte_is_decoded_again(prepare, tmp_path):
    first = prepare(RECORDINGS)
    shard = min((tmp_path / "last").glob("*.parquet"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.unlink()  # or the flip would be in the prepared data too
    shard.write_bytes(content)
    assert 0 < len(known(tmp_path / "last", RECORDINGS)) < len(RECORDINGS)
    assert prepare(RECORDINGS) == first
    assert len(known(tmp_path / "last", RECORDINGS)) == len(RECORDINGS)


def test_a_damaged_index_is_never_believed(prepare, tmp_path):
    recordings = RECORDINGS[:20]
    first = prepare(recordings)
    (index,) = (tmp_path / "last").glob("*.sqlite")
    whole = index.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0x10
    for damaged in (flipped, b"", whole[:100], whole + b"\0"):
        index.write_bytes(damaged)
        assert known(tmp_path / "last", recordings) == []
    assert prepare(recordings) == first
    assert not index.exists()
    assert len(known(tmp_path / "last", recordings)) == len(recordings)


def test_of_two_whole_indices_either_will_do(prepare, tmp_path):
    """A kill after the new one has its name, and before the old one is removed, leaves both."""
    prepare(RECORDINGS[:20])
    (index,) = (tmp_path / "last").glob("*.sqlite")
    content, shards = index.read_bytes(), list((tmp_path / "last").glob("*.parquet"))
    for shard in shards:
        os.link(shard, tmp_path / shard.name)
    first = prepare(RECORDINGS)
    index.write_bytes(content)
    for shard in shards:
        (tmp_path / shard.name).replace(shard)
    assert prepare(RECORDINGS) == first
    assert len(list((tmp_path / "last").glob("*.sqlite"))) == 1


def test_a_shard_of_another_time_is_hashed_again(prepare, tmp_path):
    prepare(RECORDINGS)
    shard = min((tmp_path / "last").glob("*.parquet"))
    os.utime(shard)
    assert len(known(tmp_path / "last", RECORDINGS)) == len(RECORDINGS)
    with shard.open("r+b") as file:  # the same inode and size
        file.seek(1000)
        file.write(b"damaged")
    assert 0 < len(known(tmp_path / "last", RECORDINGS)) < len(RECORDINGS)


def test_what_is_contradicted_lies_in_no_shard_and_is_decoded_again(prepare, tmp_path):
    contrary = replace(recording(3), name="contrary", text="Іншае.")
    first = prepare([*RECORDINGS, contrary])
    heard = {one.name for one in RECORDINGS} - {"r003", "same"}
    assert set(known(tmp_path / "last", [*RECORDINGS, contrary])) == heard
    assert prepare([*RECORDINGS, contrary]) == first
    assert prepare(RECORDINGS) == prepare(RECORDINGS, "from scratch")


def test_a_lost_shard_is_decoded_again(prepare, tmp_path):
    first = prepare(RECORDINGS)
    min((tmp_path / "last").glob("*.parquet")).unlink()
    assert prepare(RECORDINGS) == first


def test_a_run_that_fails_and_a_quick_look_forget_nothing(prepare, tmp_path):
    prepare(RECORDINGS)

    def interrupted():
        yield from RECORDINGS[:5]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(interrupted())
    prepare(RECORDINGS, max_utterances=3)
    assert len(known(tmp_path / "last", RECORDINGS)) == len(RECORDINGS)


def test_only_the_last_run_is_kept(prepare, tmp_path):
    prepare(RECORDINGS)
    files, _ = prepare(RECORDINGS[30:])
    kept = list((tmp_path / "last").glob("*.parquet"))
    assert sorted(path.read_bytes() for path in kept) == sorted(files.values())
    assert known(tmp_path / "last", RECORDINGS[:30]) == []


def test_a_run_beside_another_neither_knows_nor_keeps(prepare, tmp_path):
    first = prepare(RECORDINGS)
    with last_run(tmp_path / "last", PARAMS):
        assert known(tmp_path / "last", RECORDINGS) == []
        assert prepare(RECORDINGS) == first
    assert len(known(tmp_path / "last", RECORDINGS)) == len(RECORDINGS)


def test_an_edit_to_what_judging_imports_is_another_version(tmp_path):
    shutil.copytree(ROOT / "asr", tmp_path / "asr", ignore=shutil.ignore_patterns("__pycache__"))

    def version():
        command = (
            "from asr.core.closure import code_version; "
            "print(code_version('asr.preparation.screening'))"
        )
        return subprocess.run(
            [sys.executable, "-c", command], cwd=tmp_path, capture_output=True, check=True
        ).stdout

    first = version()
    assert version() == first
    for edited, changes in (
        ("training/loop.py", False),
        ("utterances/waveform.py", True),
        ("core/__init__.py", True),
    ):
        with (tmp_path / "asr" / edited).open("a") as file:
            file.write("# another line\n")
        assert (version() != first) == changes
