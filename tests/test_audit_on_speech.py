# python -m pytest tests/test_audit_on_speech.py    (half a minute on two cores)
"""Faults planted into real speech are found, and little else is called a fault."""

from pathlib import Path

import pytest

from asr.audit.corpus import audit_utterances
from asr.audit.params import AuditParams
from asr.core.params import load_params
from asr.core.result_cache import NO_CACHE
from asr.families.whisper.judge import judge_scope, open_judge
from benchmarks.planting import plant
from tests.examples import utterance
from tests.starter import starter_clips, starter_recordings

ROOT = Path(__file__).parent.parent
PARAMS = load_params("audit", AuditParams, ROOT / "params.yaml")
NUM_CLIPS = 80


@pytest.mark.integration
def test_planted_faults_are_found(starter):
    judge = open_judge(starter / "base", PARAMS, num_threads=2)
    scope = judge_scope(starter / "base", PARAMS)
    chosen = starter_clips(starter, "be", NUM_CLIPS)
    utterances = [
        utterance(one.name, text=one.text, duration_s=round(len(waveform) / 16_000, 4))
        for one, waveform in chosen
    ]
    bulgarian = {one.name: one.text for one in starter_recordings(starter, "bg")}
    waveforms = [waveform for _, waveform in chosen]
    planted = plant(utterances, waveforms, bulgarian, share=0.05, seed=1)
    rows = audit_utterances(
        judge, scope, planted.waveforms, planted.utterances, PARAMS, NO_CACHE, ""
    )
    flagged = {i for i, row in enumerate(rows) if row.fault}
    found, missed = flagged & planted.kinds.keys(), planted.kinds.keys() - flagged
    assert len(found) >= 0.85 * len(planted.kinds), [planted.kinds[i] for i in missed]
    # Of what is flagged besides, much is bad in the corpus itself: «Яблык Фуджы» that ends early.
    assert len(flagged - found) <= 0.1 * NUM_CLIPS


@pytest.mark.integration
def test_as_many_positions_as_mel_bins_are_no_log_mel(starter):
    """CTranslate2 takes encoder output of 80 positions, 1.6 s, for a log-mel of 80 bins.

    In float32, where a CPU's instruction set moves a fit by 0.001. It moves int8's by 5, from -12.6
    to -17.5 without VNNI; heard at 80 positions, no text fits better than -34. From 1.6 to 1.92 s
    a fit moves by 1.4 of 12 at most.
    """
    in_float32 = PARAMS.model_copy(update={"precision": "float32"})
    judge = open_judge(starter / "base", in_float32, num_threads=2)
    clips = starter_clips(starter, "be", NUM_CLIPS)
    short = [(one, clip) for one, clip in clips if len(clip) < 16_000][:4]
    texts, waveforms = [[one.text] for one, _ in short], [clip for _, clip in short]
    at_trap, next_to_it, beside = (
        judge.score_clips(waveforms, "be", context_s, texts, [16] * 4)
        for context_s in (1.6, 1.62, 1.92)
    )
    assert at_trap == next_to_it  # the same 162 frames, so the same bits on any CPU
    fits = [sum(heard.log_probs[0]) for heard in beside]
    assert [sum(heard.log_probs[0]) for heard in at_trap] == pytest.approx(fits, rel=0.2)
