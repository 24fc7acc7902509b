# python -m pytest tests/test_inventory.py
"""The inventory and the report that prepare writes of a small corpus."""

import csv
import json

import numpy as np
import pytest

from asr.corpora.recording import Recording, Segment
from asr.preparation.corpus import Outs, prepare_corpus
from asr.preparation.inventory import COLUMNS
from asr.preparation.reuse import preparation_cache
from asr.workers.workers import Workers
from tests import bad_audio
from tests.examples import tone, wav
from tests.test_preparation import CORPUS, PARAMS, recording

STEREO = np.stack([tone(1.0, rate=44_100)] * 2, axis=1)
LOUD = np.clip(tone(1.0, peak=np.sqrt(2)), -1, 1)
RECORDINGS = [
    recording("good", bad_audio.encode(STEREO, 44_100, "FLAC"), "Воўк."),
    recording("copy", bad_audio.encode(STEREO, 44_100, "FLAC"), "Воўк."),
    recording("loud", wav(LOUD), "Кіт."),
    recording("mute", wav(tone(0.5)), None),
    recording("latin", wav(tone(0.5, hz=300)), "Hello"),
    recording("broken", b"RIFF", "Ёсць."),
    Recording(
        "song", None, wav(tone(5.0, hz=500.1)), "song.wav", speaker_id="anna",
        attributes={"source_url": "https://songs/1"},
        segments=(Segment(0, 1, "Раз."), Segment(1, 4.5, "Два."), Segment(4, 5, "Тры.")),
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Inventory's rows by name, and the report."""
    folder = tmp_path_factory.mktemp("written")
    outs = Outs(*(folder / name for name in ("shards", "rejects.csv", "all.csv", "sum.json")))
    with preparation_cache(folder / "last", PARAMS) as last:
        prepare_corpus(CORPUS, RECORDINGS, PARAMS, outs, Workers("serial"), last)
    with outs.inventory.open(encoding="utf-8", newline="") as file:
        rows = {row["id"].removeprefix("xx/"): row for row in csv.DictReader(file)}
    return rows, json.loads(outs.validation.read_text(encoding="utf-8"))


def test_each_recording_has_its_line(written):
    rows, _ = written
    assert list(rows) == [one.name for one in RECORDINGS]
    assert tuple(rows["good"]) == COLUMNS
    assert rows["good"] == {
        "id": "xx/good",
        "original_filename": "good.wav",
        "size_bytes": str(len(RECORDINGS[0].audio)),
        "duration_s": "1.0",
        "format": "FLAC",
        "sample_rate": "44100",
        "num_channels": "2",
        "clipped_share": "0.0",
        "silence_share": "0.0",
        "transcript": "whole",
        "language": "be",
        "languages_by_letters": "be",
        "speaker_id": "",
        "license": "CC0-1.0",
        "source_url": "",
        "num_utterances": "1",
        "rejected": "",
        "duplicate": "no",
    }


def columns(row, *names):
    return tuple(row[name] for name in names)


def test_what_was_rejected_says_why(written):
    rows, _ = written
    names = "num_utterances", "rejected", "duplicate", "transcript"
    assert columns(rows["copy"], *names) == ("0", "duplicate", "yes", "whole")
    assert columns(rows["mute"], *names) == ("0", "no_transcript", "no", "none")
    assert columns(rows["song"], *names) == ("2", "too_long", "no", "timed")
    assert columns(rows["mute"], "duration_s", "format") == ("0.5", "WAV")
    assert columns(rows["broken"], "duration_s", "format", "rejected") == ("", "", "undecodable")
    assert columns(rows["song"], "speaker_id", "source_url") == ("anna", "https://songs/1")


def test_the_report_sums_up(written):
    _, report = written
    assert report.pop("silence_share") == pytest.approx(0, abs=0.01)
    assert report.pop("clipped_share") == pytest.approx(0.5 / 9, abs=0.001)  # of 9 s, half of 1 s
    assert report == {
        "num_recordings": 7,
        "hours": 0.0025,
        "kept": {"num": 5, "hours": pytest.approx(4.5 / 3600, abs=1e-6)},
        "rejected": {
            "duplicate": {"num": 1, "hours": pytest.approx(1 / 3600, abs=1e-6)},
            "no_transcript": {"num": 1, "hours": pytest.approx(0.5 / 3600, abs=1e-6)},
            "too_long": {"num": 1, "hours": pytest.approx(3.5 / 3600, abs=1e-6)},
            "undecodable": {"num": 1, "hours": 0.0},
        },
        "transcript": {"none": 1, "timed": 1, "whole": 5},
        "format": {"FLAC": 2, "WAV": 4},
        "sample_rate": {"16000": 4, "44100": 2},
        "num_channels": {"1": 4, "2": 2},
        "duration_s": {"0.3 to 1": 2, "1 to 2": 3, "5 to 10": 1},
        "num_clipped": 1,
        "num_with_other_letters": 1,
    }


def test_a_second_run_that_decodes_nothing_writes_the_same(tmp_path):
    written = []
    for turn in ("first", "second"):
        names = ("shards", "rejects.csv", "all.csv", "sum.json")
        outs = Outs(*(tmp_path / turn / name for name in names))
        with preparation_cache(tmp_path / "last", PARAMS) as last:
            heard = [one for one in RECORDINGS if last.outcomes(one) is None]
            assert len(heard) == (len(RECORDINGS) if turn == "first" else 0)
            prepare_corpus(CORPUS, RECORDINGS, PARAMS, outs, Workers("serial"), last)
        written.append((outs.inventory.read_bytes(), outs.validation.read_bytes()))
    assert written[0] == written[1]
