"""From examples of the training set to a family's batch, encoded anew or from the cache."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from asr.core.files import fingerprint
from asr.families.protocols import Batch, CachesEncoder, Trainee
from asr.training.augmentation.augment import Augmentation
from asr.training.augmentation.examples import example_utterance, example_waveform
from asr.training.distributed.processes import Processes
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
    augmented: Augmentation,
    processes: Processes,
) -> Iterator[Collate]:
    """The function that builds a family's batch, for the time of the block.

    Args:
        trainee: the model.
        waveforms: of the training set.
        utterances: of the training set, with transcripts.
        params: section ``train``.
        augmented: what may happen to a clip's sound.
        processes: those that train together; the first makes the cache for all.
    """

    def collate(batch: TrainingBatch) -> Batch:
        return trainee.batch(
            [augmented(example_waveform(one, waveforms), one.seed) for one in batch.examples],
            [example_utterance(one, utterances) for one in batch.examples],
            batch.context_s,
            [example.seed for example in batch.examples],
            zeros=batch.zeros,
        )

    if not (isinstance(trainee, CachesEncoder) and trainee.cache_encoder):
        yield collate
        return
    cacher: CachesEncoder = trainee
    if not processes.first:
        processes.wait()
    contexts_s = [trainee.seconds(utterance.duration_s) for utterance in utterances]
    with _outputs(cacher, contexts_s, waveforms, utterances, params) as outputs:
        if processes.first:
            processes.wait()

        def collate_cached(batch: TrainingBatch) -> Batch:
            return cacher.cached_batch(
                [outputs[example.pieces[0].index] for example in batch.examples],
                [example_utterance(example, utterances) for example in batch.examples],
                [example.seed for example in batch.examples],
            )

        yield collate_cached


@contextmanager
def _outputs(
    cacher: CachesEncoder,
    contexts_s: Sequence[float],
    waveforms: Clips,
    utterances: Sequence[Utterance],
    params: TrainParams,
) -> Iterator[EncoderOutputs]:
    """The encoder's outputs, each clip in its own context."""
    facts = {
        "encoder": cacher.encoder_version(),
        "clips": [(u.sha256, s) for u, s in zip(utterances, contexts_s, strict=True)],
        "batch_seconds": params.batch_seconds,  # other batches round otherwise
    }

    def encode(indices: list[int]) -> Any:
        return cacher.encode([waveforms[index] for index in indices], contexts_s[indices[0]])

    with encoder_cache(
        fingerprint(facts, []),
        [cacher.num_positions(seconds) for seconds in contexts_s],
        cacher.encoder_width,
        encode,
        cacher.num_positions(params.batch_seconds),
    ) as outputs:
        yield outputs
