# python -m pytest -m slow tests/test_ray.py    (half a minute)
"""A real Ray cluster of two workers on this machine."""

import os

import numpy as np
import pytest

from asr.audit.answer_cache import NOTHING
from asr.audit.listening import hear_corpus
from asr.audit.ray_judge import ray_judge
from asr.core.errors import InputError
from asr.decoding.ray_engine import ray_engine
from asr.decoding.transcribe import transcribe_all
from asr.devices.params import MachineParams
from asr.families.whisper.decoding.engine import open_engine
from asr.families.whisper.judge.judge import open_judge
from asr.preparation.corpus import Outs, prepare_corpus
from asr.preparation.reuse import last_run
from asr.workers.ray_cluster import ray_cluster
from asr.workers.workers import Workers
from tests.examples import utterance
from tests.test_auditing import PARAMS as AUDIT
from tests.test_auditing import UTTERANCES, WAVEFORMS
from tests.test_decoding import params
from tests.test_last_run import RECORDINGS
from tests.test_parallel import halve, mapped
from tests.test_preparing import CORPUS, PARAMS
from tests.tiny_whisper import write_transformers

pytestmark = pytest.mark.slow
RAY = Workers("ray", 2)


@pytest.fixture(scope="module", autouse=True)
def cluster():
    with ray_cluster(2) as (num_cores, _):
        assert num_cores == 2
        assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
        yield


def test_results_and_faults_are_those_of_one_process():
    assert list(mapped(halve, range(100, 200), RAY)) == [(n, n / 2) for n in range(100, 200)]
    with pytest.raises(InputError, match=r"^13: no half$"):
        list(mapped(halve, [12, 13], RAY))
    with pytest.raises(ZeroDivisionError, match="half a failure"):
        list(mapped(halve, [14], RAY))


def test_prepared_bytes_are_those_of_one_process(tmp_path):
    written = []
    for workers in (Workers("serial"), RAY, Workers("processes", 3)):
        folder = tmp_path / workers.kind
        with last_run(folder / "last", PARAMS) as last:
            names = ("out", "rejects.csv", "inventory.csv", "validation.json")
            outs = Outs(*(folder / name for name in names))
            prepare_corpus(CORPUS, RECORDINGS, PARAMS, outs, workers, last)
        files = [(path.name, path.read_bytes()) for path in sorted(outs.shards.iterdir())]
        written.append((files, *((folder / name).read_bytes() for name in names[1:])))
    assert written[0] == written[1] == written[2]


def test_hypotheses_are_those_of_one_machine(tmp_path):
    write_transformers(tmp_path / "tiny")
    random = np.random.default_rng(0)
    lengths = [0.3 + 0.01 * n for n in range(20)]
    utterances = [utterance(str(n), duration_s=s) for n, s in enumerate(lengths)]
    clips = [random.normal(0, 0.1, round(s * 16_000)).astype(np.float32) for s in lengths]
    decode = params(engine="ctranslate2", fallback_margin_s=0.1)
    machine = MachineParams(device="cpu", num_threads=1, num_processes=1, shard_weights=False)
    alone = open_engine(tmp_path / "tiny", machine, decode)
    expected, _ = transcribe_all(alone, clips, utterances, 0.05, decode)
    with ray_engine("whisper", tmp_path / "tiny", machine, decode, 2) as engine:
        assert engine.num_workers == 2
        heard, _ = transcribe_all(engine, clips, utterances, 0.05, decode)
    assert heard == expected
    assert len({h.text for h in heard}) > 5  # or equality says little


def test_verdicts_are_those_of_one_machine(tmp_path):
    write_transformers(tmp_path / "tiny")
    here = open_judge(tmp_path / "tiny", "float32", 1)
    expected = hear_corpus(here, WAVEFORMS, UTTERANCES, AUDIT, 1, NOTHING)
    with ray_judge(here, "whisper", tmp_path / "tiny", "float32", 2) as judge:
        assert judge.num_workers == 2
        assert hear_corpus(judge, WAVEFORMS, UTTERANCES, AUDIT, 1, NOTHING) == expected


def test_a_model_that_cannot_be_opened_is_told(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    machine = MachineParams(device="cpu", num_threads=1, num_processes=1, shard_weights=False)
    batch = [np.zeros(1600, np.float32)], [utterance("a")], 0.64, [3]
    with (
        ray_engine("whisper", tmp_path, machine, params(engine="ctranslate2"), 1) as engine,
        pytest.raises(InputError, match="expected a Whisper model"),
    ):
        engine.transcribe(*batch)
