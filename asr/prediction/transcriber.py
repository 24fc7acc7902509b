"""A model of any family, opened to transcribe pieces of clips by section ``decode``."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from asr.decoding.transcribe import Decoding, opened_engine, transcribe_all
from asr.families.protocols import family_module
from asr.prediction.predict import Transcribe
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Waveform

# Batches a worker and group: enough to sort clips by length, and a minute of work to lose.
BATCHES_A_GROUP = 8


@contextmanager
def opened_transcriber(
    how: Decoding, per_letter: Mapping[str, float]
) -> Iterator[tuple[Transcribe, float]]:
    """Open a model; yields what transcribes, and the seconds of audio that make a good group.

    Args:
        how: the model and its decoding.
        per_letter: see ``asr.decoding.transcribe.tokens_per_letter``.
    """
    computed = family_module(how.family, "decoding").computed_seconds(how.model, how.own)
    with opened_engine(how.family, how.machine, how.decode, how.own, how.model) as engine:

        def transcribe(
            waveforms: Sequence[Waveform], utterances: Sequence[Utterance]
        ) -> list[Hypothesis]:
            return transcribe_all(
                engine, waveforms, utterances, computed, how.decode, per_letter, quiet=True
            )[0]

        yield transcribe, BATCHES_A_GROUP * how.decode.batch_seconds * engine.num_workers
