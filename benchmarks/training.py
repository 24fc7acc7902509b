"""Training throughput against the standard recipe: ``python -m benchmarks.training``.

The standard recipe is transformers' Seq2SeqTrainer on features padded to 30 s. Ours runs the steps
of ``asr.training.loop``: ``default`` with the params as they are (joined clips, changed speed, a
share with long context), ``short`` on single unchanged clips, and for a frozen encoder ``cached``,
which encodes each clip once and trains on it six times, cache filling included. Base model, tuned
weights, clips, clips a batch and precision are the same. The result of each corpus of
``benchmarks/corpora.py`` has a row for each value of ``train.tune``; ``--corpus cv`` measures only
one corpus. In each round all train on the same clips in turn.
"""

from functools import partial
from pathlib import Path
from typing import Any, get_args

from asr.core.params import load_family_params, load_params
from asr.devices.params import MachineParams
from asr.families.whisper.training.params import WhisperTrainParams
from asr.training.params import TrainParams
from benchmarks.corpora import NAMES, Corpus, arguments, read_corpus
from benchmarks.in_turn import Loader, measure_in_turn
from benchmarks.measure import ratio, write_result
from benchmarks.trainers import Schedule, ours, standard

BASE, MANIFEST = Path("models/base"), Path("data/manifests/train.jsonl")
# A small GPU does not hold 30 s features of more clips. Batches of long clips are smaller, so a
# round has enough batches to group clips of similar length, as in an epoch.
CLIPS_A_BATCH = {"starter": 8, "cv": 8, "long": 4}
CLIPS_A_ROUND = {"starter": 16, "cv": 16, "long": 12}
CACHED_EPOCHS = 6
NUM_ROUNDS, QUICK_ROUNDS = 3, 1
QUICK_CLIPS = 4
TUNES: tuple[str, ...] = get_args(TrainParams.model_fields["tune"].annotation)


def schedules(tune: str, batch: int) -> dict[str, Schedule]:
    """Our params by name, with ``batch`` clips a step: the default's, and without augmentation."""
    own = load_family_params("whisper", "train", WhisperTrainParams)
    default = load_params("train", TrainParams).model_copy(
        update={
            "tune": tune,
            "num_epochs": 1,
            "min_hours": 0.0,
            "max_steps": 0,
            "max_batch_clips": batch,
            # So large that only the number of clips limits a batch, as in the standard recipe.
            "batch_seconds": 30.0 * batch,
        }
    )
    short = default.model_copy(
        update={
            "join": default.join.model_copy(update={"share": 0.0}),
            "speed_change": default.speed_change.model_copy(update={"most": 0.0}),
        }
    )
    never_long = own.long_context.model_copy(update={"share": 0.0})
    short_own = own.model_copy(update={"long_context": never_long})
    planned = {"short": Schedule(short, short_own), "default": Schedule(default, own)}
    if tune == "frozen_encoder":
        silent = {"num_time_masks": 0, "num_mel_masks": 0}
        masks = default.spec_augment.model_copy(update=silent)
        planned["cached"] = Schedule(
            short.model_copy(update={"num_epochs": CACHED_EPOCHS, "spec_augment": masks}),
            short_own.model_copy(update={"cache_encoder": True}),
        )
    return planned


def compare(tune: str, corpus: Corpus, num_rounds: int) -> dict[str, Any]:
    """Run all trainers in rounds; return the figures of each."""
    machine = load_params("machine", MachineParams)
    planned = schedules(tune, CLIPS_A_BATCH[corpus.name])
    tools: dict[str, Loader] = {
        "standard": partial(standard, BASE, planned["short"], machine.num_threads)
    }
    tools |= {name: partial(ours, BASE, one, machine) for name, one in planned.items()}
    size = len(corpus.clips) // num_rounds
    rounds = [corpus.clips[start * size : (start + 1) * size] for start in range(num_rounds)]
    measured = measure_in_turn(tools, rounds, {})
    return {
        name: {
            "times_standard": ratio(tool.per_clip(), measured["standard"].per_clip()),
            "cpu_s_a_clip": round(tool.median_a_clip().cpu_s, 4),
            "wall_s_a_clip": round(tool.median_a_clip().wall_s, 4),
            "peak_mb": tool.peak_mb,
        }
        for name, tool in measured.items()
    }


def main() -> None:
    """Measure, print and write ``benchmarks/results/training_<corpus>.json``."""
    options = arguments(__doc__)
    num_rounds = QUICK_ROUNDS if options.quick else NUM_ROUNDS
    for name in NAMES if options.corpus is None else (options.corpus,):
        size = QUICK_CLIPS if options.quick else CLIPS_A_ROUND[name]
        corpus = read_corpus(name, MANIFEST, size * num_rounds)
        rows = {tune: compare(tune, corpus, num_rounds) for tune in TUNES}
        result = {"clips": corpus.facts(), "batch": CLIPS_A_BATCH[name], "tune": rows}
        write_result(f"training_{name}", result, keep=not options.quick)


if __name__ == "__main__":
    main()
