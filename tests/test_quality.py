# python -m pytest tests/test_quality.py
import hashlib
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from asr.training.distributed.processes import Processes
from asr.utterances.shards import write_shards
from asr.utterances.utterance import write_manifest
from asr.utterances.waveform import to_int16
from benchmarks import quality
from benchmarks.quality import AT_30_S
from tests.examples import utterance
from tests.tiny_whisper import write_transformers

ROOT = Path(__file__).parents[1]
SHORT = {
    "train.batch_seconds": 4.0, "train.max_batch_clips": 2, "train.num_epochs": 4,
    "train.min_hours": 0.0, "train.join.share": 0.0,
    "train.spec_augment.max_mel_bins": 2, "whisper.train.long_context.share": 0.0,
}  # fmt: skip


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    """Base model, clips and manifests in the working directory, as the stages leave them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    shutil.copy(ROOT / "params.yaml", "params.yaml")
    Path("models").mkdir()
    write_transformers(Path("models/base"), max_source_positions=1500, max_target_positions=20)
    rng = np.random.default_rng(1)
    clips = []
    for n in range(8):
        audio = to_int16(rng.normal(0, 0.1, 16000).astype("float32")).tobytes()
        sha256 = hashlib.sha256(audio).hexdigest()
        text = "кот" if n % 2 else "лес"
        clips.append((utterance(str(n), text=text, sha256=sha256), audio))
    for folder in (Path("data/prepared/xx"), Path("data/manifests")):
        folder.mkdir(parents=True)
    written = write_shards(Path("data/prepared/xx"), clips, 2**20)
    write_manifest(Path("data/manifests/train.jsonl"), written[:6])
    write_manifest(Path("data/manifests/dev.jsonl"), written[6:])


@pytest.mark.integration
def test_30_s_has_a_tenth_of_its_steps_and_each_way_a_curve(corpus, monkeypatch):
    alone = Processes(0, 1, torch.device("cpu"))
    monkeypatch.setattr(quality, "NUM_POINTS", 2)
    ways = {}
    for name, own in (("default", {}), (AT_30_S, {"whisper.train.margin_s": 28.0})):
        monkeypatch.setitem(quality.WAYS, name, {**SHORT, **own})
        ways[name] = quality.measure(name, alone, most_steps=0)
    # Six clips, four times: two a batch, or of 29 s one.
    assert [way["steps"] for way in ways.values()] == [12, 24 // 10]
    for way in ways.values():
        steps, spent_s = ([point[key] for point in way["points"]] for key in ("step", "cpu_s"))
        assert steps == [way["steps"] // 2, way["steps"]]
        assert spent_s == sorted(spent_s)
    drawn = ElementTree.fromstring(quality.plot(ways))
    lines = list(drawn.iter("{http://www.w3.org/2000/svg}polyline"))
    assert [len(line.get("points").split()) for line in lines] == [2] * 4


def test_evaluations_take_no_time():
    def evaluate():
        return quality.DevError(0.5, 0.25) if sum(i * i for i in range(3_000_000)) else None

    clock = quality.Clock(evaluate, Processes(0, 1, torch.device("cpu")))
    clock()
    clock()
    assert clock.points[-1]["cpu_s"] <= 0.1
    assert clock.points[-1]["wer"] == 0.5
