"""Build a family's batch from training examples, with or without cached encoder outputs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from asr.core.files import fingerprint
from asr.families.protocols import Batch, CachesEncoder, Trainee
from asr.training.augmentation.augment import Augmentation
from asr.training.augmentation.examples import (
    example_utterance,
    example_waveform,
    previous_texts,
)
from asr.training.encoder_cache import EncoderOutputs, encoder_cache
from asr.training.params import TrainParams
from asr.training.plan import TrainingBatch
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Clips

Collate = Callable[[TrainingBatch], Batch]


@contextmanager
def collator(
    trainee: Trainee,
    waveforms: Clips,
    utterances: Sequence[Utterance],
    params: TrainParams,
    augment: Augmentation,
) -> Iterator[Collate]:
    """Yield the function that builds a family's batch; inside the block the cache stays locked.

    Args:
        trainee: the model.
        waveforms: waveforms of the training set.
        utterances: the same clips, with transcripts.
        params: section ``train``.
        augment: augmentation of waveforms.
    """

    previous = previous_texts(utterances)

    def collate(batch: TrainingBatch) -> Batch:
        return trainee.batch(
            [augment(example_waveform(one, waveforms), one.seed) for one in batch.examples],
            [example_utterance(one, utterances, previous) for one in batch.examples],
            batch.context_s,
            [example.seed for example in batch.examples],
            zeros=batch.zeros,
        )

    if not (isinstance(trainee, CachesEncoder) and trainee.cache_encoder):
        yield collate
        return
    encoder_trainee: CachesEncoder = trainee
    contexts_s = [trainee.seconds(utterance.duration_s) for utterance in utterances]
    # One process of a run encodes. The others wait for its lock and not in a collective operation,
    # which would end after hours of waiting.
    with _outputs(encoder_trainee, contexts_s, waveforms, utterances, params) as outputs:

        def collate_cached(batch: TrainingBatch) -> Batch:
            return encoder_trainee.cached_batch(
                [outputs[example.pieces[0].index] for example in batch.examples],
                [example_utterance(one, utterances, previous) for one in batch.examples],
                [example.seed for example in batch.examples],
            )

        yield collate_cached


@contextmanager
def _outputs(
    encoder_trainee: CachesEncoder,
    contexts_s: Sequence[float],
    waveforms: Clips,
    utterances: Sequence[Utterance],
    params: TrainParams,
) -> Iterator[EncoderOutputs]:
    """Cached encoder outputs; each clip is encoded with its own context."""
    facts = {
        "encoder": encoder_trainee.encoder_version(),
        "clips": [(u.sha256, s) for u, s in zip(utterances, contexts_s, strict=True)],
        "batch_seconds": params.batch_seconds,  # another batch size rounds differently
    }

    def encode(indices: list[int]) -> Any:
        return encoder_trainee.encode(
            [waveforms[index] for index in indices], contexts_s[indices[0]]
        )

    with encoder_cache(
        fingerprint(facts, []),
        [encoder_trainee.num_positions(seconds) for seconds in contexts_s],
        encoder_trainee.encoder_width,
        encode,
        encoder_trainee.num_positions(params.batch_seconds),
    ) as outputs:
        yield outputs
