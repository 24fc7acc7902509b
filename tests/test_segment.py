# python -m pytest tests/test_segment.py    (half a minute on two cores)
"""Long recordings without times become utterances with the right words: stage and command."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from asr.alignment.long_recordings import long_waveform
from asr.core.params import load_params
from asr.corpora.formats import corpus_format
from asr.corpora.raw_folder import Provenance, RawFiles, write_files, write_provenance
from asr.corpora.recording import Recording, Segment
from asr.preparation.found_segments import TimedRecording, with_segments
from asr.preparation.params import PrepareParams
from asr.preparation.screening import screen
from asr.utterances.jsonl import read_jsonl, write_jsonl
from asr.utterances.shards import read_utterances
from asr.utterances.waveform import SAMPLE_RATE
from commands.segment import segment
from stages.prepare import prepare
from stages.segment import segment as segment_stage
from tests.examples import tone, wav
from tests.starter import starter_clips

ROOT = Path(__file__).parent.parent
STAMPS = "usr/share/tuxpaint/stamps/"
NUM_CLIPS = 24


@pytest.fixture
def clips(starter):
    """Belarusian sentences and their sound; zero-shot Whisper-base gets 0.88 of the words wrong."""
    return [(one.text, waveform) for one, waveform in starter_clips(starter, "be", NUM_CLIPS)]


def write_raw(folder: Path, files: dict[str, bytes]) -> RawFiles:
    folder.mkdir(parents=True, exist_ok=True)
    num = write_files(folder / "files.tar", files.items())
    write_provenance(
        folder,
        Provenance(kind="folder", origin="x", sha256=None, license="GPL-2.0", num_files=num),
    )
    return RawFiles(folder)


@pytest.mark.integration
def test_a_long_recording_is_dealt_its_words(starter, clips, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "conf", "conf")
    line = "corpora:\n  talks: {format: paired, language: be, source: tuxpaint_stamps}\n"
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    Path("params.yaml").write_text(
        re.sub(r"^corpora: .*\n", line, text, flags=re.M), encoding="utf-8"
    )
    gap = np.zeros(SAMPLE_RATE // 2, np.float32)
    waveform = np.concatenate([part for _, clip in clips for part in (clip, gap)])
    assert len(waveform) > 30 * SAMPLE_RATE
    transcript = " ".join(text for text, _ in clips)
    files = {"talk.wav": wav(waveform, subtype="PCM_16"), "talk.txt": transcript.encode()}
    write_raw(Path("raw"), files)

    segment("talks", Path("raw"), starter / "base", 10.0, Path("times"))

    timed = Path("times/talk.json").read_bytes()
    raw = write_raw(Path("raw"), files | {"talk.json": timed})
    (recording,) = corpus_format("paired").read(raw, "be", {})
    assert " ".join(one.text for one in recording.segments) == " ".join(transcript.split())
    outcomes = screen(recording, load_params("prepare", PrepareParams))
    passed = [one for one in outcomes if hasattr(one, "samples")]
    assert len(passed) >= len(outcomes) / 2
    assert [one.text for one in passed if not is_right(one, clips)] == []


def is_right(utterance, clips) -> bool:
    """Whether its text has all clips that lie in it, and none that lies outside.

    A clip with a pause may be cut in two, and nobody says which word is at the cut.
    """
    start_s = float(utterance.attributes["start_s"])
    end_s = start_s + utterance.duration_s
    at_s, whole, touching = 0.0, [], []
    for text, clip in clips:
        clip_end_s = at_s + len(clip) / SAMPLE_RATE
        if at_s < end_s and clip_end_s > start_s:
            touching.append(text)
            if at_s >= start_s and clip_end_s <= end_s:
                whole.append(text)
        at_s = clip_end_s + 0.5
    plain = [" ".join(" ".join(texts).split()) for texts in (whole, touching)]
    return plain[0] in utterance.text and utterance.text in plain[1]


@pytest.fixture
def talks(tmp_path, monkeypatch):
    """A repository's params with one corpus, ``talks``, and its raw folder to fill."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "conf", "conf")
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    corpora = text[text.index("  be:") : text.index("test_sets:")]
    line = "  talks: {format: paired, language: be, source: tuxpaint_stamps}\n\n"
    Path("params.yaml").write_text(text.replace(corpora, line), encoding="utf-8")

    def choose(value):
        chosen = re.sub("long_recordings: reject", f"long_recordings: {value}", text)
        Path("params.yaml").write_text(chosen.replace(corpora, line), encoding="utf-8")

    return choose


def test_where_long_recordings_are_rejected_neither_audio_nor_model_is_read(talks):
    talks("reject")
    segment_stage("talks", Path("no/raw"), Path("no/model"), Path("found.jsonl"))
    assert Path("found.jsonl").read_bytes() == b""


def test_a_corpus_without_long_recordings_loads_no_model_and_decodes_nothing(talks, monkeypatch):
    talks("align")
    clips = {f"{n}.wav": wav(tone(20.0, hz=200.0 + n)) for n in range(2)}
    write_raw(Path("raw"), clips | {name[0] + ".txt": "так".encode() for name in clips})
    monkeypatch.setattr("asr.alignment.long_recordings.decode", None)
    segment_stage("talks", Path("raw"), Path("no/model"), Path("found.jsonl"))
    assert Path("found.jsonl").read_bytes() == b""


def test_a_header_that_states_no_length_is_not_believed(tmp_path):
    audio = bytearray(wav(tone(31.0)))
    at = audio.index(b"data") + 4
    audio[at : at + 4] = b"\xff\xff\xff\xff"  # as ffmpeg writes into a pipe
    for content in (bytes(audio), wav(tone(31.0))):
        assert (
            len(long_waveform(Recording("a", "так", content, "a.wav"), 30.0, 900.0)) == 31 * 16000
        )
    assert long_waveform(Recording("a", "так", wav(tone(29.0)), "a.wav"), 30.0, 900.0) is None
    assert long_waveform(Recording("a", "так", bytes(9**6), "a.wav"), 30.0, 900.0) is None


def test_a_recording_without_found_segments_stays_as_it_is(tmp_path):
    short, long = (Recording(name, "а б", b"", "f") for name in ("short", "long"))
    times = (Segment(0.0, 1.5, "а", 0.75), Segment(1.5, 2.5, "б", 0.25))
    found = tmp_path / "talks.jsonl"
    assert list(with_segments([short, long], found)) == [short, long]
    write_jsonl(found, [TimedRecording(name="long", segments=times)])
    assert list(with_segments([short, long], found)) == [short, replace(long, segments=times)]


@pytest.mark.integration
def test_a_paragraph_too_many_and_one_too_few_cost_themselves(starter, clips, talks):
    """The stage, then prepare; the transcript lacks clips 4 to 6, and has a story nobody tells."""
    talks("align")
    clips = [one for one in clips if len(one[0]) < 40]  # the model leaves out the end of two others
    gap = np.zeros(SAMPLE_RATE // 2, np.float32)
    waveform = np.concatenate([part for _, clip in clips for part in (clip, gap)])
    told = [text for number, (text, _) in enumerate(clips) if not 4 <= number < 7]
    story = "Гэтага тут ніхто не кажа, бо ніхто гэтага не ведае ўжо сто гадоў запар."
    transcript = " ".join([*told[:15], story, *told[15:]])
    short = wav(clips[0][1], subtype="PCM_16")
    files = {"talk.wav": wav(waveform, subtype="PCM_16"), "talk.txt": transcript.encode(),
             "short.wav": short, "short.txt": clips[0][0].encode()}  # fmt: skip
    write_raw(Path("raw"), files)

    segment_stage("talks", Path("raw"), starter / "base", Path("segments/talks.jsonl"))

    (row,) = read_jsonl(Path("segments/talks.jsonl"), TimedRecording)
    assert row.name == "talk"
    assert " ".join(one.text for one in row.segments).split() == transcript.split()
    assert row.segments[0].start_s == 0 and row.segments[-1].end_s == len(waveform) / SAMPLE_RATE
    outs = [Path(name) for name in ("prepared/talks", "rejects.csv", "inventory.csv", "all.json")]
    prepare("talks", Path("raw"), Path("segments"), *outs)
    utterances = read_utterances(Path("prepared/talks"))
    assert [one.id for one in utterances if one.id == "talks/short"]
    cut = [one for one in utterances if one.id.startswith("talks/talk#")]
    assert len(cut) >= 2  # of five pieces; the faults are in three
    assert [one.text for one in cut if not is_right(one, clips)] == []
