# python -m pytest tests/test_preparation.py
import csv
from dataclasses import replace

import numpy as np
import pytest

from asr.audio.params import SilenceParams
from asr.core.errors import InputError
from asr.corpora.raw_folder import Provenance
from asr.corpora.recording import Recording, Segment
from asr.preparation.corpus import Corpus, Outs, prepare_corpus
from asr.preparation.params import PrepareParams, Repairs
from asr.preparation.rejects import count_rejects
from asr.preparation.reuse import preparation_cache
from asr.utterances.shards import read_utterances
from asr.workers.workers import Workers
from tests import bad_audio
from tests.examples import tone, wav

CORPUS = Corpus(
    name="xx",
    language="be",
    provenance=Provenance(
        kind="folder", origin="home", sha256=None, license="CC0-1.0", num_files=1
    ),
)
PARAMS = PrepareParams(
    max_input_s=10.0,
    min_duration_s=0.3,
    max_duration_s=2.0,
    min_peak_dbfs=-40.0,
    max_dc_offset=0.01,
    silence=SilenceParams(below_db=40.0, trim=False, margin_s=0.1),
    long_recordings="reject",
    max_piece_s=10.0,
    min_alignment_confidence=0.5,
    max_chars_per_s=25.0,
    max_rejected_share=1.0,
    repairs=Repairs(encoding=False, annotations=False),
    max_utterances=0,
    shard_mb=1,
)


def recording(name, audio, text="Добры дзень."):
    return Recording(name=name, text=text, audio=audio, file=f"{name}.wav")


def some(count):
    """Recordings without fault, each of another sound."""
    return [recording(f"r{n}", wav(tone(0.5, hz=200.0 + n))) for n in range(count)]


@pytest.fixture
def prepare(tmp_path):
    """Prepare recordings; returns utterances by name, and rejects' reason and detail by name."""

    def run(recordings, **params):
        out, rejects = tmp_path / "prepared" / "xx", tmp_path / "rejects" / "xx.csv"
        changed = PARAMS.model_copy(update=params)
        with preparation_cache(tmp_path / "last", changed) as last:
            outs = Outs(out, rejects, tmp_path / "inventory.csv", tmp_path / "validation.json")
            prepare_corpus(CORPUS, recordings, changed, outs, Workers("serial"), last)
        rows = list(csv.DictReader(rejects.open(encoding="utf-8")))
        return (
            {one.id.removeprefix("xx/"): one for one in read_utterances(out)},
            {row["id"].removeprefix("xx/"): (row["reason"], row["detail"]) for row in rows},
        )

    return run


def test_each_fault_has_its_reason_and_number(prepare):
    good = wav(tone(0.5))
    kept, rejects = prepare(
        [
            recording("good", good, "Раз, два."),
            recording("none", good, None),
            recording("dots", good, "… — !"),
            recording("noise", b"RIFF and then nothing"),
            recording("nan", wav(np.full(8_000, np.nan, np.float32))),
            recording("short", wav(tone(0.2))),
            recording("long", wav(tone(2.1))),
            recording("quiet", wav(tone(0.5, peak=0.005))),
            recording("fast", wav(tone(0.5, hz=300)), "Трынаццаць літар."),
        ]
    )
    assert list(kept) == ["good"]
    assert {name: reason for name, (reason, _) in rejects.items()} == {
        "none": "no_transcript",
        "dots": "no_transcript",
        "noise": "undecodable",
        "nan": "undecodable",
        "short": "too_short",
        "long": "too_long_without_timestamps",
        "quiet": "near_silent",
        "fast": "too_many_chars_per_s",
    }
    assert rejects["short"][1] == "0.2 s"
    assert rejects["quiet"][1] == "peak -46.0 dBFS"
    assert rejects["fast"][1] == "34.0 characters a second"  # 17 in half a second


def test_an_utterance_carries_what_is_known_of_it(prepare):
    kept, _ = prepare([recording("birds/crow", wav(tone(0.5)), "Варона  N5.")])
    crow = kept["birds/crow"]
    assert crow.id == "xx/birds/crow"
    assert crow.text == "Варона  N5."  # as the source has it
    assert (crow.duration_s, crow.language, crow.license) == (0.5, "be", "CC0-1.0")
    assert crow.source == "home:birds/crow.wav"
    assert crow.speaker_id is None
    assert crow.attributes == {"spelling": "digits", "snr_db": "-10.0"}  # a tone without pauses


def test_repairs_keep_what_was_there_and_reject_what_they_empty(prepare):
    texts = {"smile": "[smeh] Å¡to", "music": "♪ [muzika]", "fine": "Što?"}
    recordings = [
        recording(name, wav(tone(0.5, hz=200.0 + 50 * n)), text)
        for n, (name, text) in enumerate(texts.items())
    ]
    kept, rejects = prepare(recordings, repairs=Repairs(encoding=True, annotations=True))
    assert kept["smile"].text == "što"
    assert kept["smile"].attributes == {
        "raw_text": "[smeh] Å¡to",
        "repairs": "encoding annotations",
        "snr_db": "-10.0",
    }
    assert (kept["fine"].text, kept["fine"].attributes) == ("Što?", {"snr_db": "-10.0"})
    assert rejects == {"music": ("only_annotations", "no letter or digit besides")}
    kept, rejects = prepare(recordings)  # none is asked for
    assert {name: one.text for name, one in kept.items()} == texts
    assert rejects == {}


def test_a_recording_is_kept_once(prepare):
    sound = wav(tone(0.5))
    same_sound = wav(tone(0.5), subtype="DOUBLE")  # other bytes
    kept, rejects = prepare(
        [
            recording("one", sound, "Павук."),
            recording("two", sound, "павук"),
            recording("three", same_sound, "Павук!"),
        ]
    )
    assert list(kept) == ["one"]
    assert rejects == {
        "two": ("duplicate", "same recording as xx/one: Павук."),
        "three": ("duplicate", "same recording as xx/one: Павук."),
    }


def test_a_recording_of_two_sentences_is_not_kept_at_all(prepare):
    sound = wav(tone(0.5))
    kept, rejects = prepare(
        [
            recording("nut", sound, "Арэх."),
            recording("other", wav(tone(0.5, hz=300)), "Арэх."),
            recording("pecan", sound, "Пекан."),
        ]
    )
    assert list(kept) == ["other"]
    assert rejects == {
        "nut": ("contradictory_transcript", "same recording as xx/pecan: Пекан."),
        "pecan": ("contradictory_transcript", "same recording as xx/nut: Арэх."),
    }


def test_a_sentence_too_long_for_its_recording_contradicts_nothing(prepare):
    sound = wav(tone(0.5))
    long = "Знак для літары G у амерыканскай мове жэстаў."
    kept, rejects = prepare([recording("asl", sound, long), recording("g", sound, "G.")])
    assert list(kept) == ["g"]
    assert rejects["asl"][0] == "too_many_chars_per_s"


def test_a_corpus_that_loses_too_much_stops_but_shows_what_it_lost(prepare, tmp_path):
    bad = [recording(f"bad{n}", b"") for n in range(2)]
    message = (
        r"corpora\.xx: 2 of 10 recordings are unusable, a share of 0\.200, where "
        r"prepare\.max_rejected_share is 0\.1 \(undecodable 2\); see .*xx\.csv"
    )
    with pytest.raises(InputError, match=message):
        prepare(some(8) + bad, max_rejected_share=0.1)
    assert count_rejects(tmp_path / "rejects" / "xx.csv") == {"undecodable": 2}
    assert list((tmp_path / "prepared").iterdir()) == []
    kept, _ = prepare(some(8) + bad, max_rejected_share=0.2)
    assert len(kept) == 8


def test_a_recording_that_cannot_be_read_is_a_loss(prepare):
    missing = [replace(recording(f"bad{n}", b""), fault="no such file") for n in range(2)]
    with pytest.raises(InputError, match=r"2 of 10 recordings are unusable.*\(unreadable 2\)"):
        prepare(some(8) + missing, max_rejected_share=0.1)
    kept, _ = prepare(some(8) + missing, max_rejected_share=0.2)
    assert len(kept) == 8


def test_duplicates_are_no_loss(prepare):
    copies = [recording(f"copy{n}", some(1)[0].audio) for n in range(9)]
    kept, rejects = prepare(some(1) + copies, max_rejected_share=0.0)
    assert (len(kept), len(rejects)) == (1, 9)


def test_a_piece_that_no_model_is_sure_of_is_no_loss(prepare):
    sounds = np.concatenate([tone(0.5, hz=200.0 + 50 * n) for n in range(4)])
    pieces = tuple(Segment(n / 2, n / 2 + 0.5, "да", n / 3) for n in range(4))
    talk = replace(recording("talk", wav(sounds)), segments=pieces)
    kept, rejects = prepare([talk], max_rejected_share=0.0)
    assert list(kept) == ["talk#2", "talk#3"]
    assert [reason for reason, _ in rejects.values()] == ["alignment_failed"] * 2


def test_an_empty_corpus_stops(prepare):
    with pytest.raises(InputError, match=r"corpora\.xx: expected recordings, got none"):
        prepare([])
    with pytest.raises(InputError, match=r"1 of 1 recordings are unusable"):
        prepare([recording("bad", b"")])


def test_a_name_that_comes_twice_is_refused(prepare):
    with pytest.raises(InputError, match=r"r0\.wav: name 'r0' appears twice"):
        prepare(some(1) * 2)


def test_a_quick_look_takes_n_in_spite_of_rejects(prepare):
    recordings = [recording("bad", b""), *some(40)]
    first, _ = prepare(recordings, max_utterances=5, max_rejected_share=0.0)
    again, _ = prepare(reversed(recordings), max_utterances=5, max_rejected_share=0.0)
    assert len(first) == 5
    assert first == again
    assert list(first) != ["r0", "r1", "r2", "r3", "r4"]  # from all over the corpus


def test_recordings_are_read_one_at_a_time(prepare):
    """Not all audio is in memory: by the time the last is asked for, the first was screened."""
    alive = []

    def stream():
        for n in range(3):
            alive.append(n)
            yield some(3)[n]
            alive.remove(n)
            assert not alive

    assert len(prepare(stream())[0]) == 3


def test_a_full_disk_is_one_message_and_leaves_nothing(small_disk, tmp_path):
    random = np.random.default_rng(0)
    noise = [wav(random.uniform(-1, 1, 16_000).astype(np.float32)) for _ in range(20)]
    recordings = [recording(str(n), audio) for n, audio in enumerate(noise)]
    with pytest.raises(InputError, match=r"disk/xx: can't be written: .*No space left on device"):
        beside = (tmp_path / name for name in ("xx.csv", "inventory.csv", "validation.json"))
        outs, workers = Outs(small_disk / "xx", *beside), Workers("serial")
        with preparation_cache(tmp_path / "last", PARAMS) as last:
            prepare_corpus(CORPUS, recordings, PARAMS, outs, workers, last)
    assert list(small_disk.iterdir()) == []


BAD = {
    bad_audio.truncated_files: {"undecodable"},
    bad_audio.stub_files: {"undecodable"},
    bad_audio.stranger_files: {"undecodable"},
    bad_audio.no_number_files: {"undecodable"},
    bad_audio.empty_files: {"undecodable"},
    bad_audio.lying_files: {"undecodable"},
    bad_audio.soundless_files: {"near_silent"},
    bad_audio.endless_files: {"too_long"},
}


@pytest.mark.parametrize("make", BAD, ids=lambda make: make.__name__)
def test_bad_audio_is_rejected_with_its_reason_and_nothing_else_is_touched(
    prepare, make, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    bad = make()
    assert len(bad) >= 40
    kept, rejects = prepare([recording(name, audio) for name, audio in bad.items()] + some(1))
    assert list(kept) == ["r0"]
    assert {name: reason for name, (reason, _) in rejects.items() if reason not in BAD[make]} == {}
    assert rejects.keys() == bad.keys() and all(detail for _, detail in rejects.values())
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    written = {
        name for name in written if not name.startswith("last/")
    }  # that is preparation_cache's
    assert written == {
        "prepared/xx/00000.parquet",
        "rejects/xx.csv",
        "inventory.csv",
        "validation.json",
    }


def test_segments_of_one_recording_are_one_session(prepare):
    audio = wav(np.concatenate([tone(1.0, hz=hz) for hz in (300, 400)]))
    timed = Recording(
        "talk",
        None,
        audio,
        "talk.wav",
        segments=(Segment(0.0, 1.0, "Раз."), Segment(1.0, 2.0, "Два.")),
    )
    kept, _ = prepare([timed, *some(1)])
    assert [(name, one.session_id) for name, one in kept.items()] == [
        ("talk#0", "talk.wav"),
        ("talk#1", "talk.wav"),
        ("r0", None),
    ]
