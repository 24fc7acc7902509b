"""Faults of utterances from their measures, and whether a corpus is fit for training.

The thresholds are in section ``audit`` of params.yaml. Speaking rate and cutting differ between
corpora without being a fault, so they are compared with the corpus's own distribution.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.audit.params import AuditParams
from asr.audit.sample import CONFIDENCE, share_interval
from asr.core.errors import InputError

Floats = npt.NDArray[np.float64]

NORMAL_IQR = 1.349  # interquartile range of the normal distribution, in standard deviations
MAX_SIGN = 2.0  # standard deviations: an unusually good sign must not outweigh a bad one
# Of the three signs: dB, log of the duration, nats a token. Real corpora have twice as much.
LEAST_SPREADS = (1.0, 0.02, 0.1)
NUM_WORST_NAMED = 5


class Fault(StrEnum):
    """What is wrong with an utterance, in the order of the checks."""

    NO_SPEECH = "no_speech"
    WRONG_LANGUAGE = "wrong_language"
    TRUNCATED = "truncated"  # the audio ends before the text does
    WRONG_TRANSCRIPT = "wrong_transcript"


@dataclass(frozen=True)
class Measures:
    """The measures of one utterance.

    Attributes:
        duration_s: of the clip.
        num_chars: of the transcript.
        cer: of the zero-shot hypothesis.
        log_prob: mean natural log-probability of a token of the transcript.
        fit: mean gain of the tokens' log-probabilities over the audio of others, times the square
            root of the number of tokens, since one token may gain by chance; None without others.
        tail_gain: mean gain of the last third of the tokens, not scaled.
        end_drop_db: level of the loud parts minus level of the last 30 ms.
        no_speech_prob: the judge's probability that nobody speaks.
        text_language: see ``language_gap``; None if it can't be determined.
    """

    duration_s: float
    num_chars: int
    cer: float
    log_prob: float
    fit: float | None
    tail_gain: float
    end_drop_db: float
    no_speech_prob: float
    text_language: float | None


@dataclass(frozen=True)
class Verdict:
    """The fault of one utterance, and the measure that depends on its corpus.

    Attributes:
        fault: None if there is none.
        wholeness: how certain it is that the audio reaches the text's end: 0 is the corpus's
            median; None if the corpus is too small for one.
    """

    fault: Fault | None
    wholeness: float | None


def gains(log_probs: Sequence[float], others: Sequence[float]) -> tuple[float | None, float]:
    """Compute ``fit`` and ``tail_gain`` of one transcript.

    Args:
        log_probs: natural log-probabilities of its tokens with its own audio.
        others: the same with the audio of others; empty if there are no others.
    """
    if not others or not log_probs:
        return None, 0.0
    gain = np.asarray(log_probs) - np.asarray(others)
    return float(gain.mean() * np.sqrt(len(gain))), float(gain[len(gain) * 2 // 3 :].mean())


def verdicts(measures: Sequence[Measures], params: AuditParams) -> list[Verdict]:
    """Find the fault of each utterance of a corpus, in order."""
    whole: Sequence[float | None] = [None] * len(measures)
    if len(measures) >= params.min_utterances:
        whole = [float(value) for value in wholeness(measures)]
    return [
        Verdict(_fault(one, value, params), value)
        for one, value in zip(measures, whole, strict=True)
    ]


def _fault(one: Measures, whole: float | None, params: AuditParams) -> Fault | None:
    fits = one.fit is None or one.fit >= params.min_fit
    language = 0.0 if one.text_language is None else one.text_language
    # A transcript of noise may fit a little by chance, so the judge's probability counts too.
    hardly_fits = one.fit is None or one.fit < params.min_fit_of_speech
    if hardly_fits and one.no_speech_prob >= params.min_no_speech_prob:
        return Fault.NO_SPEECH
    if language < (params.min_text_language_alone if fits else params.min_text_language):
        return Fault.WRONG_LANGUAGE
    if whole is not None and whole < params.min_wholeness:
        return Fault.TRUNCATED
    return None if fits else Fault.WRONG_TRANSCRIPT


def wholeness(measures: Sequence[Measures]) -> Floats:
    """Add three weak signs that a clip is whole, each in standard deviations of the corpus.

    A clip that was cut ends loud, is short for its text, and its last tokens gain little from it.
    The area under the curve is 0.92 for the first sign alone, 0.76 for the last and 0.975 for the
    sum (Bulgarian, clips cut to 35 to 70 %).
    """
    signs = (
        np.array([one.end_drop_db for one in measures]),
        np.log(np.array([one.duration_s for one in measures]) / expected_duration_s(measures)),
        np.array([one.tail_gain for one in measures]),
    )
    total = np.zeros(len(measures))
    for sign, least in zip(signs, LEAST_SPREADS, strict=True):
        total += np.minimum(_standardized(sign, least), MAX_SIGN)
    return total


def expected_duration_s(measures: Sequence[Measures]) -> Floats:
    """Expected duration of each clip by its number of characters, in seconds.

    A straight line with the least absolute deviations, which few faults don't move; computed by
    reweighted least squares.
    """
    duration_s = np.array([one.duration_s for one in measures])
    known = np.stack([np.ones(len(measures)), [float(one.num_chars) for one in measures]], axis=1)
    weight = np.ones(len(measures))
    for _ in range(20):
        line = np.linalg.lstsq(known * weight[:, None], duration_s * weight, rcond=None)[0]
        weight = 1 / np.sqrt(np.maximum(np.abs(duration_s - known @ line), 0.05))
    # With few clips the line may fall below 0.
    expected: Floats = np.maximum(known @ line, 0.2)
    return expected


def _standardized(values: Floats, least: float) -> Floats:
    """Distance from the median in standard deviations, estimated by quartiles: robust to faults.

    ``least`` is the smallest deviation to divide by: where nearly all clips have the same length,
    one of 1 % less is not cut.
    """
    low, median, high = np.percentile(values, [25, 50, 75])
    standardized: Floats = (values - median) / max((high - low) / NORMAL_IQR, least)
    return standardized


def summary(
    faults: Sequence[Fault | None], num_not_judged: int, params: AuditParams, num_not_drawn: int = 0
) -> dict[str, Any]:
    """Count faults and derive the corpus's verdict from the upper end of their share's interval.

    Args:
        faults: of the utterances that were judged.
        num_not_judged: number of those whose language or length the judge does not support.
        params: section ``audit``.
        num_not_drawn: number of those that ``audit.sample`` left out. Without any, the interval is
            the share itself.
    """
    counts = Counter(fault for fault in faults if fault is not None)
    num_bad, num_drawn = counts.total(), len(faults)
    low, high = (round(end, 4) for end in share_interval(num_bad, num_drawn, num_not_drawn))
    verdict = "proceed"
    if num_drawn < params.min_utterances:
        verdict = "too few to judge"
    elif high > params.stop_share:
        verdict = "stop"
    elif high >= params.caution_share:
        verdict = "caution"
    return {
        "num_utterances": num_drawn + num_not_judged + num_not_drawn,
        "num_not_judged": num_not_judged,
        "num_audited": num_drawn,
        "num_faults": {fault.value: counts[fault] for fault in Fault},
        "low_quality_share": round(num_bad / max(1, num_drawn), 4),
        "low_quality_share_low": low,
        "low_quality_share_high": high,
        "verdict": verdict,
    }


def stop_if_bad(
    corpus: str, summarized: dict[str, Any], worst: Sequence[str], params: AuditParams, csv: Path
) -> None:
    """Raise an error if the corpus's verdict is ``stop``.

    Args:
        corpus: its name.
        summarized: as ``summary`` has it.
        worst: descriptions of the worst utterances, worst first.
        params: section ``audit``.
        csv: where all of them are.

    Raises:
        InputError: with the share, the limit, the worst utterances and the file.
    """
    if summarized["verdict"] != "stop":
        return
    kinds = ", ".join(f"{kind} {n}" for kind, n in summarized["num_faults"].items() if n)
    sampled, remedy = "", "raise audit.stop_share"
    if is_sampled(summarized):
        sampled = f" ({_interval(summarized)})"
        remedy = f"raise audit.sample, now {params.sample}, or audit.stop_share"
    named = "".join(f"\n  {line}" for line in worst[:NUM_WORST_NAMED])
    raise InputError(
        f"corpora.{corpus}: a share of {summarized['low_quality_share']:.3f} of "
        f"{summarized['num_utterances']} utterances{sampled} is of low quality ({kinds}), where "
        f"audit.stop_share is {params.stop_share}; see {csv}. To go on, listen to the worst and "
        f"mend the source; or leave them out with audit.drop, and {remedy}. The worst:"
        f"{named}"
    )


def is_sampled(summarized: dict[str, Any]) -> bool:
    """Whether ``audit.sample`` left utterances out."""
    return bool(
        summarized["num_audited"] + summarized["num_not_judged"] < summarized["num_utterances"]
    )


def sampled_sentence(corpus: str, summarized: dict[str, Any], params: AuditParams) -> str:
    """What a sample says of its corpus, and what it leaves open."""
    dropped = ""
    if params.drop:
        dropped = f"; audit.drop left out {summarized['num_dropped']} of these and none of the rest"
    return (
        f"audit: {corpus}: {_interval(summarized)}; "
        f"a share of {summarized['low_quality_share']:.3f} of these is of low quality{dropped}"
    )


def _interval(summarized: dict[str, Any]) -> str:
    low, high = (summarized[f"low_quality_share_{end}"] for end in ("low", "high"))
    return (
        f"sampled {summarized['num_audited']} of {summarized['num_utterances']}: of all, "
        f"{low:.3f} to {high:.3f} with {CONFIDENCE:.0%} confidence"
    )
