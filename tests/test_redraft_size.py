# python -m pytest tests/test_redraft_size.py    (minutes)
"""100,000 pending rows: flat memory, and few round trips. The model alone is a stub."""

from pathlib import Path

import pytest

from asr.alignment.params import AlignParams
from asr.core.params import load_params
from asr.decoding.params import DecodeParams
from asr.decoding.transcribe import ComputedSeconds, transcribe_all
from asr.prediction.predict import Cutting
from asr.preparation.params import PrepareParams
from asr.redraft.audio import audio_loader
from asr.redraft.drafts import Drafting, Wishes, redraft
from asr.redraft.held_out import HeldOut
from asr.utterances.hypothesis import Hypothesis
from tests.clips_table import RUN, as_role, block, supabase, worker
from tests.examples import tone, wav
from tests.web_server import LIMITS

PARAMS = Path(__file__).parent.parent / "params.yaml"
NUM = 100_000


class StubEngine:
    """An engine that writes the same text for each clip."""

    num_workers, device = 1, "cpu"

    def transcribe(self, waveforms, utterances, context_s, budgets):
        return [
            Hypothesis(id=one.id, text="новы тэкст", num_tokens=4, mean_log_prob=-0.1,
                       runaway=False)
            for one in utterances
        ]  # fmt: skip


def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


@pytest.mark.slow
@pytest.mark.timeout(3600)  # a busy machine needs a quarter of an hour
def test_a_hundred_thousand_clips_take_flat_memory_and_few_round_trips(monkeypatch):
    decode = load_params("decode", DecodeParams, PARAMS)
    prepare = load_params("prepare", PrepareParams, PARAMS)
    align = load_params("align", AlignParams, PARAMS)
    alone = ComputedSeconds(lambda seconds: seconds)

    def transcribe(waveforms, utterances):
        return transcribe_all(StubEngine(), waveforms, utterances, alone, decode, quiet=True)[0]

    audio = {"kind": "bytes", "column": "sound"}
    with supabase() as people:
        people.run("alter table clips add sound bytea")
        people.run("insert into runs (id, label) values (%s, 'week 7')", RUN)
        people.run("insert into clips (run_id, storage_path, language, sound) "
                   "select %s, 'x', 'be', %s from generate_series(1, %s)",
                   RUN, wav(tone(0.1)), NUM)  # fmt: skip
        people.run("analyze clips")
        monkeypatch.setenv("CLIPS_DSN", as_role(people.address, "redraft_worker"))
        clips = worker(audio=audio)
        assert not clips.full_scan()
        load = audio_loader(block(audio=audio).audio, LIMITS, "mine")
        drafting = Drafting(
            load, transcribe, Cutting(30.0, prepare.silence), 240.0, 900.0, None,
            HeldOut(frozenset(), frozenset(), prepare), None, align,
        )  # fmt: skip
        memory = []
        clips._database.num_statements = 0
        counts = redraft(clips, drafting, Wishes(None, False, 0.0), 64,
                         lambda _: memory.append(resident_mb()))  # fmt: skip
        assert counts.written == NUM
        assert people.run("select count(*) from clips where draft_transcription = 'новы тэкст' "
                          "and claimed_by is null") == [(NUM,)]  # fmt: skip
    trips = clips._database.num_statements / NUM
    tenth = len(memory) // 10
    print(f"{trips:.4f} round trips a clip; {memory[tenth]:.0f} MB after a tenth, "
          f"{max(memory[tenth:]):.0f} MB at most")  # fmt: skip
    assert trips <= 0.1
    assert max(memory[tenth:]) < memory[tenth] + 50
