# python -m pytest tests/test_reuse.py
"""What prepare takes from its cache is never wrong, and it decodes nothing twice."""

import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from asr.core.result_cache import FILE as FILE_OF_RESULTS
from asr.corpora.raw_folder import FILES, RawFiles, stored, write_files, write_provenance
from asr.corpora.recording import Recording
from asr.preparation import reuse
from asr.preparation.corpus import Outs, prepare_corpus
from asr.preparation.reuse import preparation_cache
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

    def run(recordings, folder="cache", **params):
        out, rejects = tmp_path / "out", tmp_path / "rejects.csv"
        changed = PARAMS.model_copy(update=params)
        with preparation_cache(tmp_path / folder, changed) as cache:
            outs = Outs(out, rejects, tmp_path / "inventory.csv", tmp_path / "validation.json")
            prepare_corpus(CORPUS, recordings, changed, outs, Workers("serial"), cache)
        files = {path.name: path.read_bytes() for path in sorted(out.iterdir())}
        return files, rejects.read_text()

    return run


def cached(folder, recordings, **params):
    """The names of the recordings that need no decoding."""
    with preparation_cache(folder, PARAMS.model_copy(update=params)) as cache:
        return [one.name for one in recordings if cache.outcomes(one) is not None]


def test_a_second_run_decodes_nothing_and_writes_the_same(prepare, tmp_path):
    assert cached(tmp_path / "cache", RECORDINGS) == []
    first = prepare(RECORDINGS)
    assert len(first[0]) > 1
    assert cached(tmp_path / "cache", RECORDINGS) == [one.name for one in RECORDINGS]
    assert prepare(RECORDINGS) == first
    kept = {path.stat().st_ino for path in (tmp_path / "cache").glob("*.parquet")}
    assert {path.stat().st_ino for path in (tmp_path / "out").iterdir()} == kept  # no room taken


def test_what_comes_in_is_all_that_is_decoded(prepare, tmp_path):
    prepare(RECORDINGS)
    more = [*RECORDINGS[:10], *(recording(number) for number in range(200, 210)), *RECORDINGS[10:]]
    assert len(cached(tmp_path / "cache", more)) == len(RECORDINGS)
    assert prepare(more) == prepare(more, "from scratch")
    fewer = RECORDINGS[:3] + RECORDINGS[30:]
    assert prepare(fewer) == prepare(fewer, "from scratch, too")


def test_outcomes_are_found_in_any_order(prepare, tmp_path):
    prepare(RECORDINGS)
    for others in (RECORDINGS[::-1], RECORDINGS[7:] + RECORDINGS[:7], [*RECORDINGS[::3]] * 2):
        assert cached(tmp_path / "cache", others) == [one.name for one in others]
    assert prepare(RECORDINGS[::-1]) == prepare(RECORDINGS[::-1], "from scratch")


def test_a_cached_file_is_not_read(prepare, tmp_path, monkeypatch):
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


def test_another_text_audio_or_limit_is_another_key(prepare, tmp_path):
    prepare(RECORDINGS)
    first, second = RECORDINGS[:2]
    asked = [replace(first, text="Іншае."), replace(first, audio=second.audio), second]
    assert cached(tmp_path / "cache", asked) == [second.name]
    assert cached(tmp_path / "cache", RECORDINGS, max_chars_per_s=24.0) == []
    unheard = {"max_rejected_share": 0.5, "shard_mb": 2, "max_utterances": 3}
    assert len(cached(tmp_path / "cache", RECORDINGS, **unheard)) == len(RECORDINGS)


def test_a_flipped_byte_is_decoded_again(prepare, tmp_path):
    first = prepare(RECORDINGS)
    shard = min((tmp_path / "cache").glob("*.parquet"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.unlink()  # or the flip would be in the prepared data too
    shard.write_bytes(content)
    assert 0 < len(cached(tmp_path / "cache", RECORDINGS)) < len(RECORDINGS)
    assert prepare(RECORDINGS) == first
    assert len(cached(tmp_path / "cache", RECORDINGS)) == len(RECORDINGS)


def test_a_damaged_file_is_replaced(prepare, tmp_path):
    recordings = RECORDINGS[:20]
    first = prepare(recordings)
    file = tmp_path / "cache" / FILE_OF_RESULTS
    whole = file.read_bytes()
    for damaged in (b"", whole[:100], whole[:5000]):
        file.write_bytes(damaged)
        assert cached(tmp_path / "cache", recordings) == []
    assert prepare(recordings) == first
    assert len(cached(tmp_path / "cache", recordings)) == len(recordings)


def test_a_changed_outcome_is_decoded_again(prepare, tmp_path):
    first = prepare(RECORDINGS)
    with sqlite3.connect(tmp_path / "cache" / FILE_OF_RESULTS) as rows:
        rows.execute("UPDATE results SET result = replace(result, 'r007', 'r008')")
    names = [one.name for one in RECORDINGS if one.name != "r007"]
    assert cached(tmp_path / "cache", RECORDINGS) == names
    assert prepare(RECORDINGS) == first


def test_a_shard_of_another_time_is_hashed_again(prepare, tmp_path):
    prepare(RECORDINGS)
    shard = min((tmp_path / "cache").glob("*.parquet"))
    os.utime(shard)
    assert len(cached(tmp_path / "cache", RECORDINGS)) == len(RECORDINGS)
    with shard.open("r+b") as file:  # the same inode and size
        file.seek(1000)
        file.write(b"damaged")
    assert 0 < len(cached(tmp_path / "cache", RECORDINGS)) < len(RECORDINGS)


def test_a_contradicted_recording_is_in_no_shard_and_is_decoded_once(prepare, tmp_path):
    contrary = [*RECORDINGS, replace(recording(3), name="contrary", text="Іншае.")]
    first = prepare(contrary)
    for _ in range(2):
        assert cached(tmp_path / "cache", contrary) == [one.name for one in contrary]
        assert prepare(contrary) == first
    assert len(list((tmp_path / "cache").glob("*.parquet"))) == len(first[0]) + 1
    files, rejects = prepare(RECORDINGS)
    assert (files, rejects) == prepare(RECORDINGS, "from scratch")
    assert len(list((tmp_path / "cache").glob("*.parquet"))) == len(files)


def test_a_lost_shard_is_decoded_again(prepare, tmp_path):
    first = prepare(RECORDINGS)
    min((tmp_path / "cache").glob("*.parquet")).unlink()
    assert prepare(RECORDINGS) == first


def test_a_killed_run_and_a_quick_look_delete_nothing(prepare, tmp_path):
    prepare(RECORDINGS)

    def interrupted():
        yield from RECORDINGS[:5]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(interrupted())
    prepare(RECORDINGS, max_utterances=3)
    assert len(cached(tmp_path / "cache", RECORDINGS)) == len(RECORDINGS)


def test_only_the_last_run_is_stored(prepare, tmp_path):
    prepare(RECORDINGS)
    files, _ = prepare(RECORDINGS[30:])
    kept = list((tmp_path / "cache").glob("*.parquet"))
    assert sorted(path.read_bytes() for path in kept) == sorted(files.values())
    assert cached(tmp_path / "cache", RECORDINGS[:30]) == []


def test_a_run_beside_another_has_no_cache(prepare, tmp_path):
    first = prepare(RECORDINGS)
    with preparation_cache(tmp_path / "cache", PARAMS):
        assert cached(tmp_path / "cache", RECORDINGS) == []
        assert prepare(RECORDINGS) == first
    assert len(cached(tmp_path / "cache", RECORDINGS)) == len(RECORDINGS)


def test_only_shards_that_may_be_used_are_hashed(prepare, tmp_path, monkeypatch):
    prepare(RECORDINGS)
    monkeypatch.setattr(reuse, "sha256_of", lambda path: pytest.fail(f"{path} was hashed"))
    with preparation_cache(tmp_path / "cache", PARAMS):
        assert cached(tmp_path / "cache", RECORDINGS) == []
    (tmp_path / "cache" / FILE_OF_RESULTS).unlink()
    assert cached(tmp_path / "cache", RECORDINGS) == []


@pytest.mark.integration
def test_an_edit_to_what_screening_imports_is_another_version(tmp_path):
    shutil.copytree(ROOT / "asr", tmp_path / "asr", ignore=shutil.ignore_patterns("__pycache__"))

    def version():
        command = (
            "from asr.core.closure import code_version; "
            "print(code_version('asr.preparation.screening'))"
        )
        return subprocess.run(
            [sys.executable, "-c", command], cwd=tmp_path, capture_output=True, check=True
        ).stdout

    for edited, added, changes in (
        ("training/loop.py", "EDITED = 1\n", False),
        ("utterances/waveform.py", "# a comment\n", False),
        ("utterances/waveform.py", "EDITED = 1\n", True),
        ("core/__init__.py", "EDITED = 1\n", True),
    ):
        before = version()
        with (tmp_path / "asr" / edited).open("a") as file:
            file.write(added)
        assert (version() != before) == changes
