"""Decode the guards' clips: texts, and for families that can the languages and timestamps.

Decoding is as in section ``decode``, but in int8 where the engine has that, which takes half the
time; both models are decoded alike. It is not greedy: for sounds without speech the starter run's
models write 981 and 384 characters a minute with greedy search, mostly loops, and 273 and 144 with
five beams, punctuation included.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from asr.core.errors import InputError
from asr.decoding.detection import (
    WritesTimestamps,
    detect_languages,
    open_detector,
    write_timestamps,
)
from asr.decoding.detection_rows import Detection
from asr.decoding.transcribe import (
    Decoding,
    opened_engine,
    token_budget,
    tokens_per_letter,
    transcribe_all,
)
from asr.families.protocols import Engine, family_module
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.shards import Waveforms
from asr.utterances.utterance import Utterance


def transcribe_clips(
    how: Decoding, prepared: Path, clips: Sequence[Utterance], train: Sequence[Utterance]
) -> list[Hypothesis]:
    """Transcribe clips, in their order; ``train`` shows how many tokens a letter takes."""
    tokens = family_module(how.family, "tokens").open_tokens(how.model)
    per_letter = tokens_per_letter(train, tokens)
    seconds = family_module(how.family, "decoding").computed_seconds(how.model, how.own)
    waveforms = Waveforms(prepared, clips)
    with _fast_engine(how) as engine:
        found, _ = transcribe_all(engine, waveforms, clips, seconds, how.decode, per_letter)
    return found


@contextmanager
def _fast_engine(how: Decoding) -> Iterator[Engine]:
    """An engine in int8; in ``decode.precision`` if this engine and device lack int8."""
    int8 = how.decode.model_copy(update={"precision": "int8"})
    with ExitStack() as stack:
        try:
            opened = opened_engine(how.family, how.machine, int8, how.own, how.model)
            engine = stack.enter_context(opened)
        except InputError:
            opened = opened_engine(how.family, how.machine, how.decode, how.own, how.model)
            engine = stack.enter_context(opened)
        yield engine


def detect_clips(
    how: Decoding, prepared: Path, others: Sequence[Utterance], timed: Sequence[Utterance]
) -> list[Detection]:
    """Name the languages of clips, and write others with timestamps, as far as the family can."""
    detector = open_detector(how.family, how.model, how.machine, how.decode, how.own)
    if detector is None:
        return []
    found = detect_languages(detector, Waveforms(prepared, others), others)
    if isinstance(detector, WritesTimestamps):
        seconds = family_module(how.family, "decoding").computed_seconds(how.model, how.own).first

        def budget(one: Utterance) -> int:
            return token_budget(one.duration_s, how.decode)

        found += write_timestamps(detector, Waveforms(prepared, timed), timed, seconds, budget)
    return found
