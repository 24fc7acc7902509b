"""Training throughput against the standard recipe: ``python -m benchmarks.training``.

Peer: transformers' Seq2SeqTrainer on features padded to 30 s. Ours: the steps of
``asr.training.loop``, ``default`` as the default trains (clips joined, their speed changed, a share
with long context), ``short`` on the clips as they are, and for a frozen encoder ``cached``, which
hears each clip once and learns from it six times; filling its cache is timed too. Same base model,
weights that learn, clips, clips a batch and precision. One result for each corpus of
``benchmarks/corpora.py`` (``--corpus cv`` for one alone), a row for each of ``train.tune``; in each
round everybody trains on the same clips in turn.
"""

from functools import partial
from pathlib import Path
from typing import Any, get_args

from asr.core.params import load_family_params, load_params
from asr.devices.params import MachineParams
from asr.families.whisper.training.params import WhisperTrainParams
from asr.training.params import TrainParams
from benchmarks.corpora import NAMES, Corpus, arguments, read_corpus
from benchmarks.measure import ratio, write_result
from benchmarks.race import Entry, race
from benchmarks.trainers import Schedule, ours, standard

BASE, MANIFEST = Path("models/base"), Path("data/manifests/train.jsonl")
# 30 s of features for more do not fit a small GPU either; fewer of long ones, so that a round has
# batches enough for clips of like length to meet, as they do in an epoch.
CLIPS_A_BATCH = {"starter": 8, "cv": 8, "long": 4}
CLIPS_A_ROUND = {"starter": 16, "cv": 16, "long": 12}
CACHED_EPOCHS = 6
NUM_ROUNDS, QUICK_ROUNDS = 3, 1
QUICK_CLIPS = 4
TUNES: tuple[str, ...] = get_args(TrainParams.model_fields["tune"].annotation)


def schedules(tune: str, batch: int) -> dict[str, Schedule]:
    """What ours trains with, ``batch`` clips a step: the params as they come, and with less."""
    own = load_family_params("whisper", "train", WhisperTrainParams)
    default = load_params("train", TrainParams).model_copy(
        update={
            "tune": tune,
            "num_epochs": 1,
            "max_steps": 0,
            "max_batch_clips": batch,
            # Then the number of clips alone fills a batch, as the peer has it.
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
    """Let all train in rounds; returns a row of figures for each."""
    machine = load_params("machine", MachineParams)
    planned = schedules(tune, CLIPS_A_BATCH[corpus.name])
    entries: dict[str, Entry] = {
        "standard": partial(standard, BASE, planned["short"], machine.num_threads)
    }
    entries |= {name: partial(ours, BASE, one, machine) for name, one in planned.items()}
    size = len(corpus.clips) // num_rounds
    rounds = [corpus.clips[start * size : (start + 1) * size] for start in range(num_rounds)]
    finishes = race(entries, rounds, {})
    return {
        name: {
            "times_standard": ratio(finish.per_clip(), finishes["standard"].per_clip()),
            "cpu_s_a_clip": round(finish.median_a_clip().cpu_s, 4),
            "wall_s_a_clip": round(finish.median_a_clip().wall_s, 4),
            "peak_mb": finish.peak_mb,
        }
        for name, finish in finishes.items()
    }


def main() -> None:
    """Measure, print and write ``benchmarks/results/training_<corpus>.json``."""
    asked = arguments(__doc__)
    num_rounds = QUICK_ROUNDS if asked.quick else NUM_ROUNDS
    for name in NAMES if asked.corpus is None else (asked.corpus,):
        size = QUICK_CLIPS if asked.quick else CLIPS_A_ROUND[name]
        corpus = read_corpus(name, MANIFEST, size * num_rounds)
        rows = {tune: compare(tune, corpus, num_rounds) for tune in TUNES}
        result = {"clips": corpus.facts(), "batch": CLIPS_A_BATCH[name], "tune": rows}
        write_result(f"training_{name}", result, keep=not asked.quick)


if __name__ == "__main__":
    main()
