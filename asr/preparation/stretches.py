"""The stretches of a recording that become utterances: the whole of it, or its timed segments.

A recording without times that is longer than ``prepare.max_duration_s`` is rejected, not cut off:
its transcript would go on after the audio ends.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from asr.corpora.recording import Recording, Segment
from asr.preparation.params import PrepareParams
from asr.preparation.rejects import Reason
from asr.utterances.waveform import SAMPLE_RATE

_SLACK_S = 0.5  # the last line of a subtitle may end so much after its recording: people round


@dataclass(frozen=True)
class Stretch:
    """A part of a recording that is to become an utterance.

    Attributes:
        name: of the utterance in its corpus.
        text: raw transcript.
        start: first sample, in the decoded recording.
        end: one past the last sample.
        fault: reject reason and detail if its times or its alignment are wrong, else None.
    """

    name: str
    text: str | None
    start: int
    end: int
    fault: tuple[Reason, str] | None = None

    @property
    def duration_s(self) -> float:
        """In seconds."""
        return (self.end - self.start) / SAMPLE_RATE


def stretches(recording: Recording, num_samples: int, params: PrepareParams) -> Iterator[Stretch]:
    """Yield a recording's stretches, in the order of its segments.

    A segment without text is skipped: nobody speaks there.

    Args:
        recording: with a transcript or segments.
        num_samples: of its waveform.
        params: section ``prepare``.
    """
    if not recording.segments:
        fault, duration_s = None, num_samples / SAMPLE_RATE
        if (stated_s := recording.stated_s) is not None:
            if stated_s > duration_s + _SLACK_S:
                detail = f"the source states {stated_s:g} s of a recording of {duration_s:.1f} s"
                fault = Reason.WRONG_TIMES, detail
            elif stated_s < duration_s - _SLACK_S:
                num_samples = round(stated_s * SAMPLE_RATE)
                duration_s = stated_s
        if fault is None and duration_s > params.max_duration_s:
            detail = f"{duration_s:.1f} s, of which the model hears {params.max_duration_s:g} s"
            fault = Reason.TOO_LONG_WITHOUT_TIMESTAMPS, detail
        yield Stretch(recording.name, recording.text, 0, num_samples, fault)
        return
    for number, segment in enumerate(recording.segments):
        if segment.text.strip() or segment.fault:
            yield _stretch(f"{recording.name}#{number}", segment, num_samples, params)


def _stretch(name: str, segment: Segment, num_samples: int, params: PrepareParams) -> Stretch:
    if segment.fault:
        reason = Reason.WRONG_TIMES if segment.text.strip() else Reason.NO_TRANSCRIPT
        return Stretch(name, segment.text, 0, 0, (reason, segment.fault))
    duration_s = num_samples / SAMPLE_RATE
    end_s = duration_s if segment.end_s is None else segment.end_s
    # Written so that it is false for NaN too.
    if not 0 <= segment.start_s < min(end_s, duration_s) or not end_s <= duration_s + _SLACK_S:
        detail = f"{segment.start_s:g} s to {end_s:g} s in a recording of {duration_s:.1f} s"
        return Stretch(name, segment.text, 0, 0, (Reason.WRONG_TIMES, detail))
    fault = None
    if segment.confidence is not None and segment.confidence < params.min_alignment_confidence:
        detail = f"confidence {segment.confidence:.2f} that the text is said there"
        fault = Reason.ALIGNMENT_FAILED, detail
    start = round(segment.start_s * SAMPLE_RATE)
    return Stretch(name, segment.text, start, min(round(end_s * SAMPLE_RATE), num_samples), fault)
