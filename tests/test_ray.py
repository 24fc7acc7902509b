# python -m pytest tests/test_ray.py    (half a minute)
"""A real Ray cluster of two workers on this machine."""

import os
from functools import partial

import numpy as np
import pytest

from asr.audit.listening import open_on_worker as open_judge_on_worker
from asr.audit.listening import score_corpus
from asr.core.errors import InputError
from asr.core.result_cache import NO_CACHE
from asr.decoding.transcribe import ComputedSeconds, transcribe_all
from asr.decoding.transcribe import open_on_worker as open_engine_on_worker
from asr.devices.params import MachineParams
from asr.families.whisper.decoding import open_engine
from asr.families.whisper.judge import judge_scope, open_judge
from asr.families.whisper.window import context_s
from asr.preparation.corpus import Outs, prepare_corpus
from asr.preparation.reuse import preparation_cache
from asr.workers.ray_cluster import ray_cluster
from asr.workers.ray_models import ray_models
from asr.workers.workers import Workers
from tests.examples import utterance
from tests.test_listening import PARAMS as AUDIT
from tests.test_listening import UTTERANCES, WAVEFORMS
from tests.test_parallel import halve, mapped
from tests.test_preparation import CORPUS, PARAMS
from tests.test_reuse import RECORDINGS
from tests.test_transcribe import own, params
from tests.tiny_whisper import write_transformers

pytestmark = pytest.mark.integration
RAY = Workers("ray", 2)
MACHINE = MachineParams(device="cpu", num_threads=1, num_processes=1, shard_weights=False)
DECODE, OWN = params(), own(engine="ctranslate2")


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
        with preparation_cache(folder / "last", PARAMS) as last:
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
    seconds = ComputedSeconds(lambda s: context_s(s, 0.05))
    alone = open_engine(tmp_path / "tiny", MACHINE, DECODE, OWN)
    expected, _ = transcribe_all(alone, clips, utterances, seconds, DECODE)
    open_one = partial(open_engine_on_worker, "whisper", MACHINE, DECODE, OWN)
    with ray_models(open_one, tmp_path / "tiny", 2, may_use_gpus=False) as engine:
        assert (engine.num_workers, engine.device) == (2, "cpu")
        heard, _ = transcribe_all(engine, clips, utterances, seconds, DECODE)
    assert heard == expected
    assert len({h.text for h in heard}) > 5  # or equality says little


def test_verdicts_are_those_of_one_machine(tmp_path):
    write_transformers(tmp_path / "tiny")
    audit = AUDIT.model_copy(update={"precision": "float32"})
    scope = judge_scope(tmp_path / "tiny", audit)
    here = open_judge(tmp_path / "tiny", audit, 1)
    expected = score_corpus(here, scope, WAVEFORMS, UTTERANCES, audit, NO_CACHE, "")
    open_one = partial(open_judge_on_worker, audit)
    with ray_models(open_one, tmp_path / "tiny", 2, may_use_gpus=False) as judge:
        assert judge.num_workers == 2
        assert score_corpus(judge, scope, WAVEFORMS, UTTERANCES, audit, NO_CACHE, "") == expected


def test_a_model_that_cannot_be_opened_is_told(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    batch = [np.zeros(1600, np.float32)], [utterance("a")], 0.64, [3]
    open_one = partial(open_engine_on_worker, "whisper", MACHINE, DECODE, OWN)
    with (
        ray_models(open_one, tmp_path, 1, may_use_gpus=False) as engine,
        pytest.raises(InputError, match="expected a Whisper model"),
    ):
        engine.transcribe(*batch)
