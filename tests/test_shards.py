# python -m pytest tests/test_shards.py
import hashlib
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.core.errors import InputError
from asr.core.files import atomic_folder
from asr.utterances.partition import partition
from asr.utterances.shards import (
    ShardAudio,
    Waveforms,
    read_sha256s,
    read_utterances,
    read_waveforms,
    write_shards,
)
from asr.utterances.waveform import to_int16
from tests.examples import tone, utterance


def clip(name, duration_s=0.1, hz=440.0, **fields):
    audio = to_int16(tone(duration_s, hz)).tobytes()
    sha256 = hashlib.sha256(audio).hexdigest()
    return utterance(name, duration_s=duration_s, sha256=sha256, **fields), audio


@pytest.fixture
def prepared(tmp_path):
    """100 clips of 3200 bytes, at most 30 a shard."""
    folder = tmp_path / "xx"
    folder.mkdir()
    write_shards(folder, (clip(str(n), hz=100.0 + n) for n in range(100)), max_bytes=30 * 3200)
    return tmp_path


def test_utterances_come_back_with_their_places(tmp_path):
    attributes = {"age_bucket": "7-9", "spelling": "digits"}
    one = clip("a", text="Ça coûte 5 €.", speaker_id="s1", attributes=attributes)
    written = write_shards(tmp_path, [one, clip("b")], max_bytes=3200)
    assert [(u.shard, u.row) for u in written] == [("00000.parquet", 0), ("00001.parquet", 0)]
    assert read_utterances(tmp_path) == written
    assert written[0].attributes == attributes


def test_clips_of_one_shard_are_numbered_by_their_rows(tmp_path):
    written = write_shards(tmp_path, [clip("a"), clip("b"), clip("c")], max_bytes=10**6)
    assert [(u.shard, u.row) for u in written] == [("00000.parquet", row) for row in range(3)]


def test_a_shard_is_compressed_and_has_no_statistics_of_the_texts(prepared):
    shard = pq.ParquetFile(prepared / "xx" / "00000.parquet").metadata.row_group(0)
    columns = [shard.column(n) for n in range(shard.num_columns)]
    # Each row's audio is compressed by itself, so that it can be read by itself.
    assert [column.compression for column in columns[-2:]] == ["ZSTD", "UNCOMPRESSED"]
    assert not any(column.is_stats_set or column.has_dictionary_page for column in columns)


def test_attributes_are_json_in_an_order_that_is_always_the_same(tmp_path):
    for name, attributes in (("one", {"b": "ž", "a": "1"}), ("two", {"a": "1", "b": "ž"})):
        (tmp_path / name).mkdir()
        write_shards(tmp_path / name, [clip("a", attributes=attributes)], max_bytes=10**6)
        table = pq.read_table(tmp_path / name / "00000.parquet", columns=["attributes"])
        assert table.to_pydict() == {"attributes": ['{"a": "1", "b": "ž"}']}


def test_shards_are_bounded_and_in_order(prepared):
    utterances = read_utterances(prepared / "xx")
    assert [u.id for u in utterances] == [f"xx/{n}" for n in range(100)]
    rows = Counter(u.shard for u in utterances)
    assert list(rows) == [f"{n:05}.parquet" for n in range(len(rows))]
    assert all(22 <= size <= 30 for size in list(rows.values())[:-1])  # of 30 that it may hold
    for shard, size in rows.items():
        assert [u.row for u in utterances if u.shard == shard] == list(range(size))


def test_a_clip_more_changes_few_shards():
    def shards(ids):
        parted = partition(ids, 3200, lambda one: (one, 10))
        return {tuple(shard) for shard in parted}

    ids = [f"xx/{n:05}" for n in range(20_000)]
    before, after = shards(ids), shards([*ids[:100], "xx/00099b", *ids[100:]])
    assert len(before) > 60
    assert len(after - before) < 10
    assert len(shards([*ids, "xx/9"]) - before) == 1


def test_shards_end_at_low_hashes_a_sixteenth_after_three_quarters():
    parted = list(partition(range(20_000), 3200, lambda one: (f"xx/{one:05}", 10)))
    sizes = [len(shard) for shard in parted[:-1]]
    assert sum(sizes) / len(sizes) == pytest.approx(240 + 20, abs=3)
    assert min(sizes) > 240 and max(sizes) <= 320


def test_a_shard_may_be_full():
    assert list(partition("abcde", 10, lambda one: (one, 5))) == [["a", "b"], ["c", "d"], ["e"]]


def test_one_clip_may_exceed_a_shard():
    sizes = {"a": 5, "b": 50, "c": 5}
    assert list(partition("abc", 10, lambda one: (one, sizes[one]))) == [["a"], ["b"], ["c"]]


def test_waveforms_come_in_the_order_asked_for(prepared):
    utterances = read_utterances(prepared / "xx")
    asked = [utterances[99], utterances[0], utterances[64], utterances[0]]
    waveforms = read_waveforms(prepared, asked)
    for waveform, hz in zip(waveforms, (199.0, 100.0, 164.0, 100.0), strict=True):
        assert waveform.dtype == np.float32
        np.testing.assert_allclose(waveform, tone(0.1, hz), atol=1 / 32768)
    on_disk = Waveforms(prepared, asked)
    assert len(on_disk) == 4
    for index, waveform in enumerate(waveforms):
        np.testing.assert_array_equal(on_disk[index], waveform)


audios = st.lists(
    st.lists(st.integers(-(2**15), 2**15 - 1), min_size=1, max_size=40), min_size=1, max_size=150
)


@settings(max_examples=20)
@given(audios, st.randoms())
def test_samples_come_back_from_any_row_in_any_order(audios, random):
    with tempfile.TemporaryDirectory() as folder:
        samples = [np.array(audio, "<i2").tobytes() for audio in audios]
        clips = [(utterance(str(n)), audio) for n, audio in enumerate(samples)]
        write_shards(Path(folder), clips, max_bytes=10**6)
        shard = ShardAudio(Path(folder) / "00000.parquet")
        rows = list(range(len(shard)))
        random.shuffle(rows)
        assert [shard[row] for row in rows] == [samples[row] for row in rows]


@pytest.fixture
def one_shard(tmp_path):
    """200 clips of different lengths in one shard: more than three groups of rows."""
    (tmp_path / "xx").mkdir()
    clips = [clip(str(n), duration_s=(n + 1) / 16000) for n in range(200)]
    return tmp_path, write_shards(tmp_path / "xx", clips, max_bytes=10**6)


def test_any_row_of_a_shard_is_read_from_its_group(one_shard):
    prepared, utterances = one_shard
    rows = [64, 199, 0, 63, 5, 130, 127, 128, 64]
    asked = [utterances[row] for row in rows]
    for waveforms in (read_waveforms(prepared, asked), Waveforms(prepared, asked)):
        assert [len(waveforms[n]) for n in range(len(rows))] == [row + 1 for row in rows]
    audio = ShardAudio(prepared / "xx" / "00000.parquet")
    assert [len(audio[row]) // 2 for row in rows] == [row + 1 for row in rows]


def test_the_hash_of_each_row_is_read_without_its_audio(one_shard):
    prepared, utterances = one_shard
    hashes = read_sha256s(prepared / "xx" / "00000.parquet")
    assert hashes == [one.sha256 for one in utterances]


# Runs in a process of its own, whose peak is nobody else's.
READ = """
import sys
from pathlib import Path
from asr.utterances.shards import Waveforms, read_utterances
from benchmarks.measure import peak_mb

prepared = Path(sys.argv[1])
utterances = read_utterances(prepared / "xx")
before = peak_mb()
waveforms = Waveforms(prepared, utterances)
assert len(waveforms[len(waveforms) - 1]) == 480_000
print(peak_mb() - before)
"""


@pytest.mark.integration
def test_waveforms_take_no_memory_however_many_they_are(tmp_path):
    """600 MB of them, of which one is read; nor a copy on disk."""
    (tmp_path / "xx").mkdir()
    silence = bytes(30 * 32_000)
    sha256 = hashlib.sha256(silence).hexdigest()
    clips = ((utterance(str(n), duration_s=30.0, sha256=sha256), silence) for n in range(640))
    write_shards(tmp_path / "xx", clips, max_bytes=200 * 10**6)
    done = subprocess.run(
        [sys.executable, "-c", READ, tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 50
    assert sorted(path.name for path in tmp_path.iterdir()) == ["xx"]


def test_equal_clips_give_equal_bytes(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_shards(tmp_path / name, [clip("a"), clip("b")], max_bytes=10**6)
    one, two = (tmp_path / name / "00000.parquet" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_missing_shard_wrong_row_and_wrong_audio_are_named(prepared):
    first = read_utterances(prepared / "xx")[0]
    with pytest.raises(InputError, match=r"xx/00009\.parquet: no such shard"):
        read_waveforms(prepared, [first.model_copy(update={"shard": "00009.parquet"})])
    with pytest.raises(InputError, match=r"00000\.parquet: expected a row 30, got fewer rows"):
        read_waveforms(prepared, [first.model_copy(update={"row": 30})])
    with pytest.raises(
        InputError, match=rf"xx/00000\.parquet: row 1: .*'xx/0' with SHA-256 {first.sha256}, got"
    ):
        read_waveforms(prepared, [first.model_copy(update={"row": 1})])
    with pytest.raises(InputError, match=r"xx/00009\.parquet: no such shard"):
        ShardAudio(prepared / "xx" / "00009.parquet")


def test_a_damaged_shard_is_named(prepared):
    first = read_utterances(prepared / "xx")[0]
    shard = prepared / "xx" / "00000.parquet"
    content = shard.read_bytes()
    shard.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"00000\.parquet: expected a whole Parquet shard"):
        read_utterances(prepared / "xx")
    shard.write_bytes(content[:1000] + bytes(2000) + content[3000:])
    with pytest.raises(InputError, match=r"00000\.parquet: "):
        read_waveforms(prepared, [first.model_copy(update={"row": row}) for row in range(30)])


def test_damaged_audio_is_named_by_its_row_when_it_is_read(prepared):
    utterances = read_utterances(prepared / "xx")[:20]
    shard = prepared / "xx" / "00000.parquet"
    content = shard.read_bytes()
    middle = len(content) // 3  # audio: it fills nine tenths of the file
    shard.write_bytes(content[:middle] + bytes(50) + content[middle + 50 :])
    waveforms = Waveforms(prepared, utterances)
    assert len(waveforms[0]) == 1600
    with pytest.raises(InputError, match=r"xx/00000\.parquet: row \d+: expected "):
        for index in range(20):
            _ = waveforms[index]


def test_a_shard_that_loses_bits_in_the_middle_of_an_epoch_is_named(prepared):
    utterances = read_utterances(prepared / "xx")[:20]
    waveforms = Waveforms(prepared, utterances)
    assert {len(waveforms[index]) for index in range(20)} == {1600}  # the first epoch
    shard = prepared / "xx" / "00000.parquet"
    before, content = shard.stat(), shard.read_bytes()
    flipped = bytearray(content)
    for place in range(len(content) // 4, len(content) // 2, 40):
        flipped[place] ^= 1
    with shard.open("r+b") as file:
        file.write(flipped)
    os.utime(shard, ns=(before.st_atime_ns, before.st_mtime_ns))  # a disk changes no times
    with pytest.raises(InputError, match=r"'?xx/\d+'?.*00000\.parquet|00000\.parquet.*'xx/\d+'"):
        for index in range(20):
            _ = waveforms[index]
    shard.write_bytes(content)
    with pytest.raises(InputError, match=r"^xx/0: .*00000\.parquet: expected the file of the st"):
        _ = waveforms[0]


def test_a_shard_that_is_replaced_meanwhile_is_named(prepared):
    waveforms = Waveforms(prepared, read_utterances(prepared / "xx")[:2])
    assert len(waveforms[0]) == 1600
    shard = prepared / "xx" / "00000.parquet"
    shard.write_bytes(shard.read_bytes())
    with pytest.raises(InputError, match=r"xx/00000\.parquet: expected the file of the start"):
        _ = waveforms[1]


def test_a_table_of_something_else_is_named(prepared):
    first = read_utterances(prepared / "xx")[0]
    shard = prepared / "xx" / "00000.parquet"
    pq.write_table(pa.table({"colour": ["red"]}), shard)
    with pytest.raises(InputError, match=r"00000\.parquet: expected a shard of utterances, got"):
        read_utterances(prepared / "xx")
    with pytest.raises(InputError, match=r"00000\.parquet: expected audio, got"):
        read_waveforms(prepared, [first])
    with pytest.raises(InputError, match=r"00000\.parquet: expected audio, got"):
        _ = ShardAudio(shard)[0]


def test_a_folder_without_shards_is_refused(tmp_path):
    with pytest.raises(InputError, match=rf"{tmp_path.name}: expected Parquet shards, got none"):
        read_utterances(tmp_path)


def test_a_full_disk_leaves_no_shard_and_says_where(small_disk):
    random = np.random.default_rng(0)  # noise does not shrink
    clips = [(utterance(str(n)), random.bytes(32_000)) for n in range(20)]
    with (
        pytest.raises(InputError, match=r"disk/xx: can't be written: .*No space left on device"),
        atomic_folder(small_disk / "xx") as beside,
    ):
        write_shards(beside, clips, max_bytes=10**6)
    assert list(small_disk.iterdir()) == []
