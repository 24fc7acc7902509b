"""The audit of one corpus: listen, measure, judge."""

from collections.abc import Sequence

import numpy as np

from asr.audit.answer_cache import Remembered
from asr.audit.faults import Fault, Measures, gains
from asr.audit.faults import judge as judge_all
from asr.audit.listening import Contrast, Judge, hear_corpus
from asr.audit.params import AuditParams
from asr.audit.table import AuditRow
from asr.audit.text_language import language_gap
from asr.text.error_rate import char_errors
from asr.text.sentence import sentence_key
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import SAMPLE_RATE, Clips, Waveform

FRAME = SAMPLE_RATE // 100  # samples, 10 ms
NUM_END_FRAMES = 3
LOUD_PERCENTILE = 95


def audit_utterances(
    judge: Judge,
    waveforms: Clips,
    utterances: Sequence[Utterance],
    params: AuditParams,
    seed: int,
    before: Remembered,
) -> list[AuditRow]:
    """Listen to each utterance and judge it.

    Args:
        judge: a model that trained on none of them.
        waveforms: one a clip, float32, mono, 16 kHz.
        utterances: the same clips.
        params: section ``audit``.
        seed: of what is drawn.
        before: what the judge said in runs before.

    Returns:
        One row an utterance, in order.
    """
    contrasts = hear_corpus(judge, waveforms, utterances, params, seed, before)
    measures = [
        _measure(
            utterance,
            contrast,
            waveforms[index],
            writable=judge.num_tokens(utterance.text) <= judge.max_tokens,
        )
        for index, (utterance, contrast) in enumerate(zip(utterances, contrasts, strict=True))
    ]
    return [
        AuditRow(
            id=utterance.id,
            # Nothing can be trained on what the decoder can't write.
            keep="no" if verdict.fault in (*params.drop, Fault.TOO_MANY_TOKENS) else "yes",
            fault=verdict.fault or "",
            fit=_rounded(measured.fit),
            wholeness=_rounded(verdict.wholeness),
            log_prob=round(measured.log_prob, 3),
            cer=round(measured.cer, 3),
            tail_gain=round(measured.tail_gain, 3),
            end_drop_db=round(measured.end_drop_db, 1),
            no_speech_prob=round(measured.no_speech_prob, 3),
            text_language=_rounded(measured.text_language),
            heard_language=contrast.heard.language,
            chars_per_s=round(measured.num_chars / measured.duration_s, 2),
            duration_s=measured.duration_s,
            text=utterance.text,
            hypothesis=contrast.heard.hypothesis,
        )
        for utterance, contrast, measured, verdict in zip(
            utterances, contrasts, measures, judge_all(measures, params), strict=True
        )
    ]


def _measure(
    utterance: Utterance, contrast: Contrast, waveform: Waveform, *, writable: bool
) -> Measures:
    fit, tail_gain = gains(contrast.log_probs, contrast.other_log_probs)
    key = sentence_key(utterance.text)
    return Measures(
        duration_s=utterance.duration_s,
        num_chars=len(utterance.text),
        cer=char_errors(key, sentence_key(contrast.heard.hypothesis)).rate or 0.0,
        log_prob=sum(contrast.log_probs) / max(1, len(contrast.log_probs)),
        fit=fit,
        tail_gain=tail_gain,
        end_drop_db=end_drop_db(waveform),
        no_speech_prob=contrast.heard.no_speech_prob,
        text_language=language_gap(utterance.text, utterance.language),
        writable=writable,
    )


def end_drop_db(waveform: Waveform) -> float:
    """By how much the last 30 ms are softer than the loud parts, in dB: near 0 for a clip cut off.

    Level by 10 ms; the loud parts are the 95th percentile; silence counts as -90 dBFS.
    """
    num_frames = len(waveform) // FRAME
    if num_frames < NUM_END_FRAMES:
        return 0.0
    frames = waveform[: num_frames * FRAME].reshape(num_frames, FRAME).astype(np.float64)
    level_db = 10 * np.log10(np.square(frames).mean(axis=1) + 1e-9)
    return float(np.percentile(level_db, LOUD_PERCENTILE) - level_db[-NUM_END_FRAMES:].mean())


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
