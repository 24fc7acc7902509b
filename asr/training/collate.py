"""From examples of the training set to a family's batch, heard anew or from the encoder's cache."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from asr.core.files import fingerprint
from asr.families import family_module
from asr.features import log_mel
from asr.features.context import context_s
from asr.training.augmentation.augment import Augmentation
from asr.training.augmentation.examples import heard, said
from asr.training.distributed.processes import Processes
from asr.training.encoder_cache import EncoderOutputs, encoder_cache
from asr.training.params import TrainParams
from asr.training.plan import TrainingBatch
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Clips

Collate = Callable[[TrainingBatch], Any]


@contextmanager
def collator(
    model: Any,
    family: str,
    waveforms: Clips,
    utterances: Sequence[Utterance],
    params: TrainParams,
    augmented: Augmentation,
    processes: Processes,
) -> Iterator[Collate]:
    """The function that builds a family's batch, for the time of the block.

    Args:
        model: of the family, before or after the choice of what learns.
        family: its name.
        waveforms: of the training set.
        utterances: of the training set, with transcripts.
        params: section ``train``.
        augmented: what may happen to a clip's sound.
        processes: those that train together; the first makes the cache for all.
    """
    batch_module = family_module(family, "training.loss")

    def collate(batch: TrainingBatch) -> Any:
        return batch_module.loss_batch(
            model,
            [augmented(heard(example, waveforms), example.seed) for example in batch.examples],
            [said(example, utterances) for example in batch.examples],
            batch.context_s,
            params,
            [example.seed for example in batch.examples],
            zeros=batch.zeros,
        )

    if not params.cache_encoder:
        yield collate
        return
    if not processes.first:
        processes.wait()
    with _outputs(model, family, waveforms, utterances, params) as outputs:
        if processes.first:
            processes.wait()

        def collate_cached(batch: TrainingBatch) -> Any:
            return batch_module.cached_loss_batch(
                model,
                [outputs[example.pieces[0].index] for example in batch.examples],
                [said(example, utterances) for example in batch.examples],
                params,
                [example.seed for example in batch.examples],
            )

        yield collate_cached


@contextmanager
def _outputs(
    model: Any,
    family: str,
    waveforms: Clips,
    utterances: Sequence[Utterance],
    params: TrainParams,
) -> Iterator[EncoderOutputs]:
    """The encoder's outputs, each clip in its own context."""
    module = family_module(family, "model.model")
    contexts_s = [context_s(utterance.duration_s, params.margin_s) for utterance in utterances]
    digest = sha256()
    for name, weight in sorted(module.encoder_weights(model).items()):
        digest.update(name.encode() + weight.cpu().numpy().tobytes())
    facts = {
        "weights": digest.hexdigest(),
        "clips": [(u.sha256, s) for u, s in zip(utterances, contexts_s, strict=True)],
        "batch_seconds": params.batch_seconds,  # other batches round otherwise
    }
    code = [Path(inspect.getfile(log_mel)), Path(module.__file__)]

    def encode(indices: list[int]) -> Any:
        clips = [waveforms[index] for index in indices]
        return module.encode_clips(model, clips, contexts_s[indices[0]])

    with encoder_cache(
        fingerprint(facts, code),
        [module.num_positions(seconds) for seconds in contexts_s],
        module.encoder_width(model),
        encode,
        module.num_positions(params.batch_seconds),
    ) as outputs:
        yield outputs
