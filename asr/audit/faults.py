"""From measures to faults: what is wrong with an utterance, and whether a corpus is fit to use.

The thresholds are section ``audit`` of params.yaml. What differs between corpora for reasons that
are no fault (how fast people speak, how tightly clips are cut) is judged against the corpus's own
distribution.
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
from asr.core.errors import InputError

Floats = npt.NDArray[np.float64]

NORMAL_IQR = 1.349  # interquartile range of the normal distribution, in standard deviations
# So that an unusually good measure can't outweigh a bad one.
MOST_IN_FAVOUR = 2.0
NUM_WORST_NAMED = 5


class Fault(StrEnum):
    """What is wrong with an utterance, in the order in which it is looked for."""

    NO_SPEECH = "no_speech"
    WRONG_LANGUAGE = "wrong_language"
    TRUNCATED = "truncated"  # the audio ends before the text does
    WRONG_TRANSCRIPT = "wrong_transcript"


@dataclass(frozen=True)
class Measures:
    """What was measured of one utterance.

    Attributes:
        duration_s: of the clip.
        num_chars: of the transcript.
        cer: of the zero-shot hypothesis.
        log_prob: mean natural log-probability of a token of the transcript.
        fit: mean gain of a token's log-probability over the audio of others, times the square root
            of the number of tokens, as one token may gain by chance; None where there is no other.
        tail_gain: mean gain of the last third of the tokens, as it is.
        end_drop_db: by how much the clip's last 30 ms are softer than its loud parts.
        no_speech_prob: the model's.
        text_language: see ``language_gap``; None where it can't be said.
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
    """The judgement on one utterance.

    Attributes:
        fault: None for one that is sound.
        wholeness: how sure it is that the audio reaches the text's end; 0 is the corpus's median,
            and None stands for a corpus too small to have one.
    """

    fault: Fault | None
    wholeness: float | None


def gains(log_probs: Sequence[float], others: Sequence[float]) -> tuple[float | None, float]:
    """``fit`` and ``tail_gain`` of one transcript.

    Args:
        log_probs: of its tokens, with its own audio.
        others: the same with the audio of others; empty where there is none.
    """
    if not others or not log_probs:
        return None, 0.0
    gain = np.asarray(log_probs) - np.asarray(others)
    return float(gain.mean() * np.sqrt(len(gain))), float(gain[len(gain) * 2 // 3 :].mean())


def verdicts(measures: Sequence[Measures], params: AuditParams) -> list[Verdict]:
    """A verdict on each utterance of a corpus, in order."""
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
    # Noise gains a little from itself now and then, so the model's word counts for something.
    hardly_fits = one.fit is None or one.fit < params.min_fit_of_speech
    if hardly_fits and one.no_speech_prob >= params.min_no_speech_prob:
        return Fault.NO_SPEECH
    if language < (params.min_text_language_alone if fits else params.min_text_language):
        return Fault.WRONG_LANGUAGE
    if whole is not None and whole < params.min_wholeness:
        return Fault.TRUNCATED
    return None if fits else Fault.WRONG_TRANSCRIPT


def wholeness(measures: Sequence[Measures]) -> Floats:
    """Three weak signs of a cut clip, added: each in standard deviations of the corpus's own.

    A clip that was cut ends loud, is short for its text, and its last tokens gain little from it.
    Alone the first and the last find it with an area under the curve of 0.92 and 0.76 (Bulgarian,
    clips cut to 35 to 70 %), all together with 0.975.
    """
    signs = (
        np.array([one.end_drop_db for one in measures]),
        np.log(np.array([one.duration_s for one in measures]) / expected_duration_s(measures)),
        np.array([one.tail_gain for one in measures]),
    )
    total = np.zeros(len(measures))
    for sign in signs:
        total += np.minimum(_standardized(sign), MOST_IN_FAVOUR)
    return total


def expected_duration_s(measures: Sequence[Measures]) -> Floats:
    """How long clips with as many characters last: a line through the corpus's medians.

    Least absolute deviations, so that a few faults don't move it, by reweighted least squares.
    """
    duration_s = np.array([one.duration_s for one in measures])
    known = np.stack([np.ones(len(measures)), [float(one.num_chars) for one in measures]], axis=1)
    weight = np.ones(len(measures))
    for _ in range(20):
        line = np.linalg.lstsq(known * weight[:, None], duration_s * weight, rcond=None)[0]
        weight = 1 / np.sqrt(np.maximum(np.abs(duration_s - known @ line), 0.05))
    # Few odd clips may give a line that falls below 0 somewhere.
    expected: Floats = np.maximum(known @ line, 0.2)
    return expected


def _standardized(values: Floats) -> Floats:
    """Standard deviations from the median, by the quartiles, which faults move little."""
    low, median, high = np.percentile(values, [25, 50, 75])
    standardized: Floats = (values - median) / max((high - low) / NORMAL_IQR, 1e-6)
    return standardized


def summary(
    faults: Sequence[Fault | None], num_not_judged: int, params: AuditParams
) -> dict[str, Any]:
    """Counts by fault, the share of low quality, and what follows from it.

    Args:
        faults: of the utterances that were judged.
        num_not_judged: the others: the judge has no token for their language, or hears no clip so
            long.
        params: section ``audit``.
    """
    counts = Counter(fault for fault in faults if fault is not None)
    share = round(sum(counts.values()) / max(1, len(faults)), 4)
    verdict = "proceed"
    if len(faults) < params.min_utterances:
        verdict = "too few to judge"
    elif share > params.stop_share:
        verdict = "stop"
    elif share >= params.caution_share:
        verdict = "caution"
    return {
        "num_utterances": len(faults) + num_not_judged,
        "num_not_judged": num_not_judged,
        "num_faults": {fault.value: counts[fault] for fault in Fault},
        "low_quality_share": share,
        "verdict": verdict,
    }


def stop_if_bad(
    corpus: str, summarized: dict[str, Any], worst: Sequence[str], params: AuditParams, csv: Path
) -> None:
    """Raise for a corpus whose verdict is ``stop``.

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
    named = "".join(f"\n  {line}" for line in worst[:NUM_WORST_NAMED])
    raise InputError(
        f"corpora.{corpus}: a share of {summarized['low_quality_share']:.3f} of "
        f"{summarized['num_utterances']} utterances is of low quality ({kinds}), where "
        f"audit.stop_share is {params.stop_share}; see {csv}. The worst:{named}"
    )
