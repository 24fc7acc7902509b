"""Transcribing a test set with an engine whose every answer is known."""

from pathlib import Path

import numpy as np
import pytest

from asr.core.params import load_family_params, load_params
from asr.decoding.params import DecodeParams
from asr.decoding.transcribe import ComputedSeconds, token_budget, transcribe_all
from asr.families.whisper.decoding import computed_seconds
from asr.families.whisper.decoding.params import WhisperDecodeParams
from asr.families.whisper.window import write_margin
from asr.utterances.hypothesis import Hypothesis
from tests.examples import utterance

ROOT = Path(__file__).parent.parent
UTTERANCES = [utterance(str(i), duration_s=length) for i, length in enumerate([1.0, 3.0, 0.5, 2.0])]
WAVEFORMS = [np.zeros(round(u.duration_s * 16_000), np.float32) for u in UTTERANCES]


class Engine:
    """Hears how long a clip is; loops on some clips, in contexts below ``cured_from_s``."""

    def __init__(self, num_workers=1, loops_on=(), cured_from_s=0.0):
        self.num_workers, self.loops_on, self.cured_from_s = num_workers, loops_on, cured_from_s
        self.calls = []

    def transcribe(self, waveforms, utterances, context_s, budgets):
        self.calls.append(([u.id for u in utterances], context_s, budgets))
        looping = context_s < self.cured_from_s
        return [
            Hypothesis(id=u.id, text=f"{len(waveform) / 16_000} s",
                       num_tokens=round(2 * context_s),
                       mean_log_prob=-0.1, runaway=looping and u.id in self.loops_on)
            for u, waveform in zip(utterances, waveforms, strict=True)
        ]  # fmt: skip


def params(**changes):
    values = {"batch_seconds": 3.0, **changes}
    return load_params("decode", DecodeParams, ROOT / "params.yaml").model_copy(update=values)


def clip_and(margin_s):
    return ComputedSeconds(lambda s: s + margin_s, lambda s: s + 8.0)


@pytest.mark.parametrize("num_workers", [1, 3])
def test_hypotheses_come_in_the_utterances_order(num_workers):
    heard, seconds = transcribe_all(
        Engine(num_workers), WAVEFORMS, UTTERANCES, clip_and(0.5), params()
    )
    assert [h.id for h in heard] == [u.id for u in UTTERANCES]
    assert [h.text for h in heard] == ["1.0 s", "3.0 s", "0.5 s", "2.0 s"]
    assert seconds > 0


def test_batches_are_of_like_length_the_longest_first():
    engine = Engine()
    transcribe_all(engine, WAVEFORMS, UTTERANCES, clip_and(0.28), params())
    assert [ids for ids, _, _ in engine.calls] == [["xx/1"], ["xx/3"], ["xx/2", "xx/0"]]
    assert [context for _, context, _ in engine.calls] == pytest.approx([3.28, 2.28, 1.28])


def test_without_a_second_try_what_ran_away_stays():
    engine = Engine(loops_on=["xx/0"], cured_from_s=5.0)
    heard, _ = transcribe_all(
        engine, WAVEFORMS, UTTERANCES, ComputedSeconds(lambda s: s + 0.5), params()
    )
    assert [h.id for h in heard if h.runaway] == ["xx/0"]
    assert sum(len(ids) for ids, _, _ in engine.calls) == len(UTTERANCES)


def own(**changes):
    path = ROOT / "params.yaml"
    params = load_family_params("whisper", "decode", WhisperDecodeParams, path)
    return params.model_copy(update=changes)


def test_whisper_computes_the_clip_and_the_margin_it_was_trained_for(tmp_path):
    untuned = computed_seconds(tmp_path, own(fallback_margin_s=8.0))
    assert (untuned.first(1.0), untuned.again) == (pytest.approx(9.28), None)
    write_margin(tmp_path, 0.5)
    tuned = computed_seconds(tmp_path, own(fallback_margin_s=8.0))
    assert (tuned.first(1.0), tuned.again(1.0)) == pytest.approx((1.6, 9.28))


def test_whisper_in_full_context_computes_its_window_for_all(tmp_path):
    full = computed_seconds(tmp_path, own(context="full"))
    assert (full.first(0.5), full.first(30.0), full.again) == (30.0, 30.0, None)


def test_what_ran_away_is_heard_again_in_a_longer_context():
    engine = Engine(loops_on=["xx/0"], cured_from_s=5.0)
    heard, _ = transcribe_all(engine, WAVEFORMS, UTTERANCES, clip_and(0.5), params())
    assert engine.calls[-1][:2] == (["xx/0"], pytest.approx(9.0))
    assert not any(h.runaway for h in heard)


def test_what_runs_away_again_stays_as_it_was():
    engine = Engine(loops_on=["xx/0"], cured_from_s=99.0)
    heard, _ = transcribe_all(engine, WAVEFORMS, UTTERANCES, clip_and(0.5), params())
    assert [h.runaway for h in heard] == [True, False, False, False]
    assert heard[0].num_tokens == round(2 * engine.calls[-2][1])  # not of the last context, 9 s
    assert heard[0].num_tokens != round(2 * engine.calls[-1][1])


def test_token_budget_grows_with_the_clip_from_a_least():
    budgets = params(max_tokens_per_s=25.0, min_token_budget=16)
    assert token_budget(2.0, budgets) == 50
    assert token_budget(0.3, budgets) == 16
