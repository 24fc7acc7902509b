"""Audit one corpus: score each transcript, measure the audio, derive faults."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from asr.audit.faults import Measures, Verdict, gains, verdicts
from asr.audit.listening import Contrast, score_corpus
from asr.audit.params import AuditParams
from asr.audit.sample import drawn
from asr.audit.table import AuditRow
from asr.audit.text_language import language_gap
from asr.core.result_cache import ResultCache
from asr.families.protocols import Judge, JudgeScope
from asr.text.error_rate import char_errors
from asr.text.sentence import sentence_key
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import SAMPLE_RATE, Clips, Waveform

FRAME = SAMPLE_RATE // 100  # samples, 10 ms
NUM_END_FRAMES = 3
LOUD_PERCENTILE = 95


def audit_utterances(
    judge: Judge,
    scope: JudgeScope,
    waveforms: Clips,
    utterances: Sequence[Utterance],
    params: AuditParams,
    cache: ResultCache,
    version: str,
) -> list[AuditRow]:
    """Audit utterances, or a sample of them: ``params.sample``.

    Utterances whose language or length the judge does not support are kept, without its measures,
    and so are those that are not drawn.

    Args:
        judge: a model that was not trained on these utterances.
        scope: the languages and lengths that it supports.
        waveforms: one a clip, float32, mono, 16 kHz.
        utterances: the same clips.
        params: section ``audit``.
        cache: results of the judge from earlier runs.
        version: see ``judge_version``.

    Returns:
        One row an utterance, in order.
    """
    taken = [i for i, u in enumerate(utterances) if scope.takes(u.language, u.duration_s)]
    if missing := len(utterances) - len(taken):
        tqdm.write(f"audit: {missing} of {len(utterances)} utterances are not judged, and kept")
    able = [utterances[i] for i in taken]
    judged = [taken[i] for i in drawn(able, params.sample, params.seed, params.min_utterances)]
    if len(judged) < len(taken):
        tqdm.write(f"audit: sampled {len(judged)} of {len(taken)} utterances; the others are kept")
    clips = [utterances[i] for i in judged]
    chosen = Chosen(waveforms, judged)
    contrasts = score_corpus(judge, scope, chosen, clips, params, cache, version)
    measures = [
        _measure(utterances[i], contrast, waveforms[i])
        for i, contrast in zip(judged, contrasts, strict=True)
    ]
    rows = {
        i: _row(utterances[i], measured, verdict, contrast, params)
        for i, measured, verdict, contrast in zip(
            judged, measures, verdicts(measures, params), contrasts, strict=True
        )
    }
    left_out = set(taken) - set(judged)
    return [
        rows.get(i) or _not_judged(utterance, None if i in left_out else waveforms[i])
        for i, utterance in enumerate(utterances)
    ]


@dataclass(frozen=True)
class Chosen:
    """A view of some clips, by their indices."""

    clips: Clips
    indices: Sequence[int]

    def __getitem__(self, index: int, /) -> Waveform:
        return self.clips[self.indices[index]]


def _row(
    utterance: Utterance,
    measured: Measures,
    verdict: Verdict,
    contrast: Contrast,
    params: AuditParams,
) -> AuditRow:
    return AuditRow(
        id=utterance.id,
        keep="no" if verdict.fault in params.drop else "yes",
        fault=verdict.fault or "",
        fit=_rounded(measured.fit),
        wholeness=_rounded(verdict.wholeness),
        log_prob=round(measured.log_prob, 3),
        cer=round(measured.cer, 3),
        tail_gain=round(measured.tail_gain, 3),
        end_drop_db=round(measured.end_drop_db, 1),
        no_speech_prob=round(measured.no_speech_prob, 3),
        text_language=_rounded(measured.text_language),
        heard_language=contrast.result.language,
        chars_per_s=round(measured.num_chars / measured.duration_s, 2),
        duration_s=measured.duration_s,
        text=utterance.text,
        hypothesis=contrast.result.hypothesis,
    )


def _not_judged(utterance: Utterance, waveform: Waveform | None) -> AuditRow:
    """A row with the measures that need no judge; without them if there is no waveform."""
    gap = None if waveform is None else language_gap(utterance.text, utterance.language)
    return AuditRow(
        id=utterance.id,
        keep="yes",
        fault="",
        fit=None,
        wholeness=None,
        log_prob=None,
        cer=None,
        tail_gain=None,
        end_drop_db=None if waveform is None else round(end_drop_db(waveform), 1),
        no_speech_prob=None,
        text_language=_rounded(gap),
        heard_language="",
        chars_per_s=round(len(utterance.text) / utterance.duration_s, 2),
        duration_s=utterance.duration_s,
        text=utterance.text,
        hypothesis="",
    )


def _measure(utterance: Utterance, contrast: Contrast, waveform: Waveform) -> Measures:
    fit, tail_gain = gains(contrast.log_probs, contrast.other_log_probs)
    key = sentence_key(utterance.text)
    return Measures(
        duration_s=utterance.duration_s,
        num_chars=len(utterance.text),
        cer=char_errors(key, sentence_key(contrast.result.hypothesis)).rate or 0.0,
        log_prob=sum(contrast.log_probs) / max(1, len(contrast.log_probs)),
        fit=fit,
        tail_gain=tail_gain,
        end_drop_db=end_drop_db(waveform),
        no_speech_prob=contrast.result.no_speech_prob,
        text_language=language_gap(utterance.text, utterance.language),
    )


def end_drop_db(waveform: Waveform) -> float:
    """Level of the loud parts minus level of the last 30 ms, in dB: near 0 if speech is cut off.

    Levels are of frames of 10 ms; the loud parts are their 95th percentile; silence is -90 dBFS.
    """
    num_frames = len(waveform) // FRAME
    if num_frames < NUM_END_FRAMES:
        return 0.0
    frames = waveform[: num_frames * FRAME].reshape(num_frames, FRAME).astype(np.float64)
    level_db = 10 * np.log10(np.square(frames).mean(axis=1) + 1e-9)
    return float(np.percentile(level_db, LOUD_PERCENTILE) - level_db[-NUM_END_FRAMES:].mean())


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
