# python -m pytest tests/test_segment.py    (half a minute on two cores)
"""commands.segment, from a long recording without times to utterances with the right words."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from asr.core.params import load_params
from asr.corpora.formats import corpus_format
from asr.corpora.raw_folder import Provenance, RawFiles, write_files, write_provenance
from asr.preparation.params import PrepareParams
from asr.preparation.screening import screen
from asr.utterances.waveform import SAMPLE_RATE
from commands.segment import segment
from tests.examples import wav
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
    for one in passed:
        assert one.text == spoken(clips, float(one.attributes["start_s"]), one.duration_s)


def spoken(clips, start_s: float, duration_s: float) -> str:
    """What is said in a stretch: clips whose middle lies in it."""
    position_s, texts = 0.0, []
    for text, clip in clips:
        if start_s <= position_s + len(clip) / SAMPLE_RATE / 2 < start_s + duration_s:
            texts.append(text)
        position_s += len(clip) / SAMPLE_RATE + 0.5
    return " ".join(" ".join(texts).split())
