"""Times for a long recording that has a transcript and none: cut at its pauses, words dealt out."""

from collections.abc import Callable, Sequence

from asr.alignment.word_assignment import Share, deal
from asr.audio.params import SilenceParams
from asr.audio.silence import cut_at_silences
from asr.corpora.recording import Segment
from asr.utterances.waveform import SAMPLE_RATE, Waveform

Transcribe = Callable[[Sequence[Waveform]], Sequence[str]]


def timed_segments(
    waveform: Waveform,
    transcript: str,
    transcribe: Transcribe,
    max_piece_s: float,
    params: SilenceParams,
) -> tuple[Segment, ...]:
    """Segments that join without gap, whose texts are the transcript, each with its confidence.

    That is the smaller of how well its letters agree with what was heard, and how sure it is that
    the words at both its ends are its own: a single word on the wrong side changes the agreement
    of a long piece by little.

    Args:
        waveform: of the whole recording.
        transcript: of the whole recording.
        transcribe: what a model hears in each piece; it need not be good at the language.
        max_piece_s: length of the longest piece.
        params: what a silence is.
    """
    pieces = cut_at_silences(waveform, max_piece_s, params)
    hypotheses = transcribe([waveform[start:end] for start, end in pieces])
    return tuple(
        Segment(start / SAMPLE_RATE, end / SAMPLE_RATE, share.text, _confidence(share))
        for (start, end), share in zip(pieces, deal(transcript, hypotheses), strict=True)
    )


def _confidence(share: Share) -> float:
    return round(min(share.agreement, share.sureness), 3)
