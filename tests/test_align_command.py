# python -m pytest tests/test_align_command.py
"""commands.align: word times of any clips, as a table and as files."""

import csv
import hashlib
import json
from pathlib import Path

import pytest

from asr.alignment.table import read_aligned
from asr.utterances.shards import write_shards
from asr.utterances.utterance import write_manifest
from asr.utterances.waveform import to_int16
from commands.align import FAILED, main
from tests.examples import tone, utterance, wav
from tests.tiny_families import ROOT, WHISPER

FILES = {"karaoke.lrc", "subtitles.srt", "subtitles.vtt", "transcription_base.json",
         "transcription_base.txt"}  # fmt: skip


@pytest.fixture
def align(tmp_path, monkeypatch):
    """Run the command with a model of random weights, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    Path("params.yaml").write_text(text.replace("  device: auto", "  device: cpu"), "utf-8")
    WHISPER.write_base(Path("model"))

    def run(*more):
        words = ["align", "--model", "model", "--out", "aligned", "--language", "be", *more]
        monkeypatch.setattr("sys.argv", words)
        return main()

    return run


def test_a_table_of_files_gets_the_files_that_the_stage_writes(align):
    Path("a.wav").write_bytes(wav(tone(0.6)))
    Path("long.wav").write_bytes(wav(tone(31.0)))
    rows = [("song", "a.wav", "як гэта"), ("long", "long.wav", "як"), ("../up", "a.wav", "як"),
            ("mute", "a.wav", ""), ("gone", "b.wav", "як")]  # fmt: skip
    keys = ("utterance_id", "audio_path", "orthographic_text")
    lines = [json.dumps(dict(zip(keys, row, strict=True))) for row in rows]
    Path("clips.jsonl").write_text("\n".join(lines), "utf-8")

    assert align("--manifest", "clips.jsonl") == FAILED
    (one,) = read_aligned(Path("aligned/words.jsonl")).values()
    assert (one.id, [word.text for word in one.words]) == ("song", ["як", "гэта"])
    assert all(word.start_s < word.end_s <= 0.6 for word in one.words)
    assert {path.name for path in Path("aligned/outputs/song").iterdir()} == FILES
    assert [path.name for path in Path("aligned/outputs").iterdir()] == ["song"]
    rows = csv.DictReader(Path("aligned/failures.csv").read_text("utf-8").splitlines())
    why = {row["utterance_id"]: row["why"] for row in rows}
    assert why["long"] == "31.0 s, of which the model hears 30; segment it before"
    assert why["../up"] == "expected an id that can be the name of a folder"
    assert why["mute"] == "no text"
    assert "b.wav" in why["gone"]


def test_a_manifest_of_this_project_is_aligned_with_its_texts_or_predicted_ones(align):
    audio = to_int16(tone(0.5)).tobytes()
    clip = utterance("a", corpus="be", text="лес", language="be", duration_s=0.5,
                     sha256=hashlib.sha256(audio).hexdigest())  # fmt: skip
    Path("data/prepared/be").mkdir(parents=True)
    manifest = Path("data/manifests/dev.jsonl")
    write_manifest(manifest, write_shards(Path("data/prepared/be"), [(clip, audio)], 2**20))
    assert align("--manifest", str(manifest)) == 0
    assert [one.text for one in read_aligned(Path("aligned/words.jsonl")).values()] == ["лес"]
    line = {"utterance_id": clip.id, "orthographic_text": "бор шуміць"}
    Path("texts.jsonl").write_text(json.dumps(line), "utf-8")
    assert align("--manifest", str(manifest), "--texts", "texts.jsonl") == 0
    (one,) = read_aligned(Path("aligned/words.jsonl")).values()
    assert [word.text for word in one.words] == ["бор", "шуміць"]
