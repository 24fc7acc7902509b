# python -m pytest -m slow tests/test_long_speech.py    (three minutes on two cores)
"""Long recordings of real speech through the stages ``segment`` and ``prepare``."""

import csv
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from asr.preparation.found_segments import TimedRecording
from asr.utterances.jsonl import read_jsonl
from asr.utterances.shards import read_utterances
from asr.utterances.waveform import SAMPLE_RATE
from stages.prepare import prepare
from stages.segment import segment
from tests.examples import tone, wav
from tests.starter import starter_clips
from tests.test_segment import ROOT, is_right, talks, write_raw  # noqa: F401

pytestmark = pytest.mark.slow
PAUSE = np.zeros(SAMPLE_RATE // 2, np.float32)
FOUND = Path("segments/talks.jsonl")


@pytest.fixture(scope="module")
def speech(starter):
    """Belarusian sentences and their sound, 16 minutes of them."""
    return [(one.text, waveform) for one, waveform in starter_clips(starter, "be", 600)]


@dataclass(frozen=True)
class Talk:
    """A recording, what is said in it, and what its transcript says."""

    parts: list
    transcript: str

    @property
    def files(self):
        waveform = np.concatenate([part for _, clip in self.parts for part in (clip, PAUSE)])
        return wav(waveform, subtype="PCM_16"), self.transcript.encode()


def joined(parts):
    return " ".join(text for text, _ in parts)


def prepared(talks_by_name):
    """Segment and prepare; returns utterances by recording, and the reasons of rejects."""
    outs = [Path(name) for name in ("prepared/talks", "rejects.csv", "inventory.csv", "all.json")]
    prepare("talks", Path("raw"), FOUND.parent, *outs)
    kept = {name: [] for name in talks_by_name}
    for one in read_utterances(outs[0]):
        kept[re.match(r"talks/(\w+)", one.id)[1]].append(one)
    reasons = {name: set() for name in talks_by_name}
    for row in csv.DictReader(outs[1].open(encoding="utf-8")):
        reasons[re.match(r"talks/(\w+)", row["id"])[1]].add(row["reason"])
    return kept, reasons


def write_talks(talks_by_name):
    files = {}
    for name, talk in talks_by_name.items():
        files[f"{name}.wav"], files[f"{name}.txt"] = talk.files
    write_raw(Path("raw"), files)


def test_fifteen_minutes_with_a_missing_and_an_extra_paragraph(starter, speech, talks):  # noqa: F811
    talks("align")
    total = np.cumsum([len(clip) + len(PAUSE) for _, clip in speech]) / SAMPLE_RATE
    said = speech[: np.searchsorted(total, 899)]
    # Some sentences are spoken twice.
    others = [one for one in speech if one[0] not in {text for text, _ in said}][:5]
    missing, extra_at = range(120, 125), 320
    told = [one for number, one in enumerate(said) if number not in missing]
    transcript = " ".join([joined(told[:extra_at]), joined(others), joined(told[extra_at:])])
    write_talks({"talk": Talk(said, transcript)})
    command = [sys.executable, "-m", "stages.segment", "--corpus", "talks", "--raw", "raw",
               "--judge", str(starter / "base"), "--out", str(FOUND)]  # fmt: skip
    began = time.monotonic()
    process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)})
    _, status, usage = os.wait4(process.pid, 0)
    took_s, cpu_s = time.monotonic() - began, usage.ru_utime + usage.ru_stime
    assert status == 0
    print(f"segment: {took_s:.0f} s, {cpu_s:.0f} CPU s, {usage.ru_maxrss / 1024:.0f} MB")
    assert usage.ru_maxrss < 2 * 1024**2  # KiB

    (row,) = read_jsonl(FOUND, TimedRecording)
    assert " ".join(one.text for one in row.segments).split() == transcript.split()
    ends = [0.0, *(one.end_s for one in row.segments)]
    assert [one.start_s for one in row.segments] == ends[:-1]
    assert ends[-1] > 890
    kept = prepared({"talk"})[0]["talk"]
    right = [one for one in kept if is_right(one, said)]
    print(f"{len(row.segments)} segments, {len(kept)} kept, {len(right)} of them right")
    assert len(right) >= 0.6 * len(row.segments)
    assert len(right) >= 0.97 * len(kept)
    assert not [one for one in kept if any(text in one.text for text, _ in others)]
    starts = [0.0, *np.cumsum([len(clip) + len(PAUSE) for _, clip in said]) / SAMPLE_RATE]
    for one in kept:  # none has what no transcript has
        start_s = float(one.attributes["start_s"])
        assert not start_s <= starts[missing[2]] < start_s + one.duration_s


def test_what_is_no_talk_ends_as_rejects_or_right_pieces(starter, speech, talks):  # noqa: F811
    talks("align")
    first, second, third = speech[:10], speech[10:20], speech[20:40]
    silence = ("", np.zeros(30 * SAMPLE_RATE, np.float32))
    chords = sum(tone(20.0, hz=hz, peak=0.15) for hz in (220.0, 277.2, 329.6))
    beat = np.abs(np.sin(np.arange(len(chords)) * np.pi / SAMPLE_RATE)).astype(np.float32)
    music = ("", chords * beat)
    noise = np.random.default_rng(1).normal(0, 0.1, 45 * SAMPLE_RATE).astype(np.float32)
    examples = {
        "nobody": Talk([("", noise)], joined(third)),
        "twice": Talk(third, f"{joined(third)} {joined(speech[40:60])}"),
        "word": Talk(third, third[0][0].split()[0]),
        "silence": Talk([*first, silence, *second], joined(first + second)),
        "song": Talk([*first, music, *second], joined(first + second)),
    }
    write_talks(examples)
    segment("talks", Path("raw"), starter / "base", FOUND)
    assert {one.name for one in read_jsonl(FOUND, TimedRecording)} == set(examples)
    kept, reasons = prepared(examples)
    print({name: len(ones) for name, ones in kept.items()}, reasons)
    for name in ("nobody", "word"):
        assert kept[name] == []
        assert reasons[name] <= {"alignment_failed", "too_many_chars_per_s"}
    # With twice the words many pieces fit twice, so «twice» may lose all.
    for name in ("twice", "silence", "song"):
        parts = examples[name].parts
        assert [one.text for one in kept[name] if not is_right(one, parts)] == []
    for name in ("silence", "song"):
        starts = [float(one.attributes["start_s"]) for one in kept[name]]
        middle_s = sum(len(clip) / SAMPLE_RATE + 0.5 for _, clip in first)
        assert min(starts) < middle_s < max(starts)  # what follows is found too


def test_a_language_that_the_judge_lacks_is_rejected_as_before(starter, speech, talks):  # noqa: F811
    talks("align")
    params = Path("params.yaml").read_text(encoding="utf-8")
    Path("params.yaml").write_text(params.replace("format: paired", "format: jsonl"), "utf-8")
    files, rows = {}, []
    for name, num in (("talk", 20), ("short", 1), ("next", 2), ("third", 3)):
        files[f"{name}.wav"], text = Talk(speech[:num], joined(speech[:num])).files
        rows.append({"utterance_id": name, "audio_path": f"{name}.wav", "language": "dz",
                     "orthographic_text": text.decode()})  # fmt: skip
    lines = "\n".join(json.dumps(row) for row in rows)
    write_raw(Path("raw"), files | {"clips.jsonl": lines.encode()})
    segment("talks", Path("raw"), starter / "base", FOUND)
    assert FOUND.read_bytes() == b""
    kept, reasons = prepared({"talk", "short", "next", "third"})
    assert reasons["talk"] == {"too_long_without_timestamps"}
    assert kept["talk"] == [] != kept["short"]
