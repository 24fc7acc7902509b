# python -m pytest tests/test_predict.py
"""Predictions of a manifest: in the challenge's form, whatever its files are, and after a kill."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from asr.audio.params import SilenceParams
from asr.core.errors import InputError
from asr.core.params import load_params
from asr.decoding.journal import open_journal
from asr.prediction.clips import AudioSource, Clip, is_own_manifest, read_own, read_table
from asr.prediction.evaluate import score_lines
from asr.prediction.predict import (
    ConfidentPrediction,
    Cutting,
    Prediction,
    check_ids,
    predict,
)
from asr.scoring.normalizers import Normalizers
from asr.scoring.params import ScoreParams
from asr.sources.params import FetchParams
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.shards import write_shards
from asr.utterances.utterance import write_manifest
from asr.utterances.waveform import to_int16
from tests.examples import tone, utterance, wav

ROOT = Path(__file__).parent.parent
CUTTING = Cutting(5.0, SilenceParams(below_db=40.0, trim=False, margin_s=0.2))


def clip(name: str, size: int = 1600, error: Exception | None = None) -> Clip:
    def load():
        if error:
            raise error
        return tone(size / 16_000)

    return Clip(name, "be", None, None, load)


CLIPS = [clip(f"U{i}", 1600 + i) for i in range(10)]


def sizes(waveforms, utterances):
    """A model that hears how long a clip is."""
    return [hypothesis(str(len(waveform))) for waveform in waveforms]


def hypothesis(text, num_tokens=1, mean_log_prob=0.0, *, runaway=False):
    return Hypothesis(id="?", text=text, num_tokens=num_tokens, mean_log_prob=mean_log_prob,
                      runaway=runaway)  # fmt: skip


def run(out, clips, transcribe=sizes, group_s=0.25, schema=Prediction):
    with open_journal(out, schema, {"model": "a"}) as journal:
        check_ids(journal, clips, out)
        return predict(clips, journal, schema, transcribe, CUTTING, group_s)


def test_a_line_has_the_challenges_two_keys_in_the_manifests_order(tmp_path):
    assert run(tmp_path / "out.jsonl", CLIPS[:3]) == []
    assert (tmp_path / "out.jsonl").read_text() == (
        '{"utterance_id":"U0","orthographic_text":"1600"}\n'
        '{"utterance_id":"U1","orthographic_text":"1601"}\n'
        '{"utterance_id":"U2","orthographic_text":"1602"}\n'
    )


@pytest.mark.parametrize("torn", ["", '{"utterance_id":"U'])
def test_interrupted_is_uninterrupted(tmp_path, torn):
    run(tmp_path / "whole.jsonl", CLIPS)
    groups = []

    def killed(waveforms, utterances):
        groups.append([one.id for one in utterances])
        if len(groups) == 3:
            raise KeyboardInterrupt
        return sizes(waveforms, utterances)

    out = tmp_path / "out.jsonl"
    with pytest.raises(KeyboardInterrupt):
        run(out, CLIPS, killed)
    with out.open("a") as file:
        file.write(torn)
    before, groups[:] = groups[:2], [[], [], []]
    assert run(out, CLIPS, killed) == []
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert [one for group in before + groups[3:] for one in group] == [
        f"{clip.id}/0" for clip in CLIPS
    ]


def test_a_bad_file_costs_its_own_line_until_it_is_repaired(tmp_path):
    out = tmp_path / "out.jsonl"
    bad = [CLIPS[0], clip("U1", error=InputError("not audio but text")), *CLIPS[2:]]
    (failure,) = run(out, bad)
    assert (failure.id, failure.why) == ("U1", "not audio but text")
    assert len(out.read_text().splitlines()) == 9
    assert run(out, CLIPS) == []
    assert out.read_text().splitlines()[-1] == '{"utterance_id":"U1","orthographic_text":"1601"}'
    assert len(out.read_text().splitlines()) == 10


def test_a_clip_that_the_model_refuses_costs_its_own_line(tmp_path):
    def choosy(waveforms, utterances):
        if any(len(waveform) == 1603 for waveform in waveforms):
            raise InputError("not finite")
        return sizes(waveforms, utterances)

    (failure,) = run(tmp_path / "out.jsonl", CLIPS, choosy)
    assert (failure.id, failure.why) == ("U3", "not finite")

    def broken(waveforms, utterances):
        raise InputError("no such language")

    with pytest.raises(InputError, match="no such language"):
        run(tmp_path / "other.jsonl", CLIPS, broken)


def test_a_clip_that_no_model_computes_costs_its_own_line(tmp_path):
    def as_hubert(waveforms, utterances):
        if any(len(waveform) < 400 for waveform in waveforms):
            raise RuntimeError("Kernel size can't be greater than actual input size")
        return sizes(waveforms, utterances)

    (failure,) = run(tmp_path / "out.jsonl", [CLIPS[0], clip("U1", 320), CLIPS[2]], as_hubert)
    assert (failure.id, failure.why) == ("U1", "expected at least 0.1 s of audio, got 0.020")
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 2


def test_a_clip_that_is_too_long_is_cut_and_nothing_of_it_lost(tmp_path):
    heard = []

    def hear(waveforms, utterances):
        assert [one.duration_s for one in utterances] == [len(w) / 16_000 for w in waveforms]
        heard.extend(len(waveform) for waveform in waveforms)
        first = len(heard) - len(waveforms)
        return [hypothesis(f"part{first + i}") for i in range(len(waveforms))]

    run(tmp_path / "out.jsonl", [clip("a", 12 * 16_000), clip("b")], hear, group_s=99)
    assert max(heard) <= 5 * 16_000
    assert sum(heard[:-1]) == 12 * 16_000
    first, second = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    parts = [f"part{i}" for i in range(len(heard))]
    assert first["orthographic_text"].split() == parts[:-1]
    assert second["orthographic_text"] == parts[-1]


def test_with_confidence_a_line_joins_that_of_the_pieces_of_its_clip(tmp_path):
    def sure_then_not(waveforms, utterances):
        return [hypothesis("адзін", 3, -0.1), hypothesis("два", 1, -0.5, runaway=True)]

    out = tmp_path / "out.jsonl"
    run(out, [clip("a", 6 * 16_000)], sure_then_not, schema=ConfidentPrediction)
    assert json.loads(out.read_text()) == {  # (3 x 0.1 + 1 x 0.5) / 4 = 0.2
        "utterance_id": "a", "orthographic_text": "адзін два", "duration_s": 6.0,
        "num_tokens": 4, "mean_log_prob": -0.2, "runaway": True,
    }  # fmt: skip


def test_predictions_of_another_manifest_are_refused(tmp_path):
    run(tmp_path / "out.jsonl", CLIPS)
    with pytest.raises(InputError, match=r"9 predictions for no clip of the manifest, first 'U1'"):
        run(tmp_path / "out.jsonl", CLIPS[:1])


SOUND = wav(tone(0.1))


def source(folder: Path, **changes) -> AudioSource:
    values = {"folder": folder, "language": None, "max_duration_s": 2.0,
              "limits": FetchParams(max_file_mb=1.0, max_url_s=1.0)}  # fmt: skip
    return AudioSource(**values | changes)


def table(folder: Path, *rows: object, name="clips.jsonl") -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (folder / name).write_text("\n".join(lines))
    return folder / name


def row(name, path, **more):
    return {"utterance_id": name, "audio_path": str(path), "language": "be", **more}


def test_a_table_names_files_in_any_folder_with_and_without_references(tmp_path):
    for name in ("audio/U1.flac", "part_2/audio/U2.flac", "elsewhere/U3.flac", "U4.bin"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(SOUND)
    manifest = table(
        tmp_path,
        row("U1", "audio/U1.flac", orthographic_text="адзін", child_id="C7"),
        row("U2", "audio/U2.flac", orthographic_text=""),
        row(3, "lost/U3.flac", language="English"),
        row("U4", tmp_path / "U4.bin", language=None),
    )
    clips = read_table(manifest, source(tmp_path, language="ru"))
    assert [(one.id, one.language, one.text, one.speaker_id) for one in clips] == [
        ("U1", "be", "адзін", "C7"), ("U2", "be", None, None), ("3", "en", None, None),
        ("U4", "ru", None, None),
    ]  # fmt: skip
    for one in clips:
        np.testing.assert_array_equal(one.load(), tone(0.1))


def test_a_csv_is_a_table_too(tmp_path):
    (tmp_path / "a.wav").write_bytes(SOUND)
    manifest = table(tmp_path, "utterance_id,audio_path", "U1,a.wav", name="clips.csv")
    assert not is_own_manifest(manifest)
    (one,) = read_table(manifest, source(tmp_path, language="be"))
    assert (one.id, len(one.load())) == ("U1", 1600)


GOOD = row("U1", "a.wav")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([GOOD, row("U2", "a.wav"), GOOD], r"clips\.jsonl:3: id 'U1' appears twice, first at .*:1"),
        ([GOOD, {"audio_path": "a.wav"}], r":2: utterance_id: expected an id, got none"),
        ([{"audio_path": "a.wav"}], r":1: expected a key id or utterance_id or utt_id, got"),
        ([GOOD, row("", "a.wav")], r":2: utterance_id: expected an id, got none"),
        ([GOOD, "{"], r":2: expected JSON, got"),
        ([GOOD, row("U2", "a.wav", language=None)], r":2: expected a key language, or --language"),
        ([GOOD, row("U2", "a.wav", language="Elvish")], r":2: language: expected a language as"),
        ([{"utterance_id": "U1", "language": "be"}], r":1: expected a key audio or audio_path or"),
        ([row("U1", "gone.wav")], r":1: audio_path: expected one file 'gone\.wav' in the source"),
        ([], r"expected a clip on each line, got none"),
    ],
)
def test_a_manifest_that_could_not_be_answered_is_refused_at_once(tmp_path, rows, message):
    (tmp_path / "a.wav").write_bytes(SOUND)
    with pytest.raises(InputError, match=message):
        read_table(table(tmp_path, *rows), source(tmp_path))


def test_files_that_are_missing_large_long_or_no_audio_say_so_when_they_are_read(tmp_path):
    (tmp_path / "a.wav").write_bytes(SOUND)
    (tmp_path / "long.wav").write_bytes(wav(tone(2.1)))
    (tmp_path / "text.wav").write_bytes(b"once upon a time")
    (tmp_path / "large.wav").write_bytes(bytes(1_000_001))
    names = ("a", "gone", "long", "text", "large")
    manifest = table(tmp_path, *(row(name, f"{name}.wav") for name in names))
    clips = read_table(manifest, source(tmp_path))
    failures = run(tmp_path / "out.jsonl", clips)
    assert {one.id: one.why for one in failures} == {
        "gone": f"{manifest}:2: audio_path: expected one file 'gone.wav' in the source, got none",
        "long": "more than 2 s",
        "text": "not audio but text",
        "large": f"{tmp_path}/large.wav: expected at most 1000000 bytes (fetch.max_file_mb), got "
                 "1000001",
    }  # fmt: skip


def test_a_manifest_of_this_project_has_its_audio_in_shards(tmp_path):
    audio = to_int16(tone(0.1)).tobytes()
    one = utterance("a", duration_s=0.1, text="адзін", speaker_id="s1",
                    sha256=hashlib.sha256(audio).hexdigest())  # fmt: skip
    (tmp_path / "xx").mkdir()
    write_manifest(tmp_path / "m.jsonl", write_shards(tmp_path / "xx", [(one, audio)], 2**20))
    assert is_own_manifest(tmp_path / "m.jsonl")
    (found,) = read_own(tmp_path / "m.jsonl", tmp_path)
    assert (found.id, found.language, found.text, found.speaker_id) == ("xx/a", "be", "адзін", "s1")
    np.testing.assert_array_equal(to_int16(found.load()), to_int16(tone(0.1)))


def scored(texts: dict[str, str], *clips: Clip) -> list[str]:
    params = load_params("score", ScoreParams, ROOT / "params.yaml")
    normalizers = Normalizers(params.normalizers)
    return score_lines(clips, texts, Path("out.jsonl"), params, 1, normalizers)


def said(name, text, language="be"):
    return Clip(name, language, text, None, lambda: tone(1.0))


def test_scores_by_hand_with_what_has_no_prediction_or_no_reference():
    clips = [said("a", "Адзін, два"), said("b", "тры"), said("c", None), said("d", "...")]
    lines = scored({"a": "адзін два", "c": "x"}, *clips)
    # Of three words one is missing; of 9 + 3 characters, spaces included, three are.
    assert lines[0] == (
        "overall: WER 0.333, CER 0.250; 3 clips, 3 words, no intervals over 3 utterances, "
        "fewer than score.min_blocks; "
        "1 references normalize to nothing"
    )
    assert lines[1].startswith("normalizers: be spoken-")
    assert lines[2:] == [
        "1 of 4 clips have no reference and are not scored",
        "2 have no prediction; their words count as deleted",
    ]


def test_scores_have_intervals_and_a_line_for_each_language():
    clips = [said(f"{i}", "адзін", "be" if i < 10 else "bg") for i in range(20)]
    lines = scored({one.id: "адзін" if int(one.id) % 2 else "два" for one in clips}, *clips)
    assert [line.split(":")[0] for line in lines] == [
        "overall", "language be", "language bg", "normalizers",
    ]  # fmt: skip
    assert lines[0].startswith("overall: WER 0.500 [0.") and "over 20 utterances" in lines[0]


def test_without_references_there_is_no_score():
    with pytest.raises(InputError, match=r"--score: expected references in .*got none for 1 clips"):
        scored({}, said("c", None))
