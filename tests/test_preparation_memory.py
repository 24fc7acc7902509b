# python -m pytest tests/test_preparation_memory.py
"""What prepare holds in memory does not grow with the corpus's sound."""

import json
import subprocess
import sys

import pytest

# Runs in a process of its own, whose peak is nobody else's. Prints it in MB, and what was written.
PREPARE = """
import json, sys
from pathlib import Path
import numpy as np
from asr.preparation.reuse import preparation_cache
from asr.workers.workers import Workers
from asr.preparation.corpus import Outs, prepare_corpus
from asr.corpora.recording import Recording
from asr.utterances.shards import read_utterances
from benchmarks.measure import peak_mb
from tests.examples import tone, wav
from tests.test_preparation import CORPUS, PARAMS

folder, num = Path(sys.argv[1]), int(sys.argv[2])
sound = tone(1.0)
noise = np.random.default_rng(0).uniform(-0.1, 0.1, 16_000).astype(np.float32)

def recordings():
    for n in range(num):
        waveform = sound + np.roll(noise, n)
        yield Recording(name=f"r{n:06}", text=f"Сказ {n}.", audio=wav(waveform, subtype="PCM_16"),
                        file=f"audio/r{n:06}.wav", speaker_id=f"s{n // 50}")

params = PARAMS.model_copy(update={"shard_mb": 64})
for _ in range(2):  # the second time from what the first one kept
    with preparation_cache(folder / "last", params) as last:
        names = ("xx", "rejects.csv", "inventory.csv", "validation.json")
        outs = Outs(*(folder / name for name in names))
        prepare_corpus(CORPUS, recordings(), params, outs, Workers("serial"), last)
# Not the peak of getrusage, which begins with that of the process that started this one.
print(json.dumps({"peak_mb": peak_mb(), "rows": len(read_utterances(folder / "xx"))}))
"""


@pytest.mark.integration
def test_ten_thousand_clips_fit_where_their_sound_does_not(tmp_path):
    """320 MB of samples pass through 220 MB at most, of which Python and libraries are 120."""
    done = subprocess.run(
        [sys.executable, "-c", PREPARE, str(tmp_path), "10000"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["rows"] == 10_000
    assert told["peak_mb"] < 220
