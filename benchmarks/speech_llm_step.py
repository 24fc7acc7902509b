"""A training step of speech_llm: each clip's own context against windows of 30 s, as others pad.

``python -m benchmarks.speech_llm_step`` takes ``models/base`` and clips of the starter corpus. Both
train the same model in turn on the same batches, encoder included. ``--quick`` takes 4 clips.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from asr.core.params import load_family_params, load_params
from asr.devices.device import use_machine
from asr.devices.params import MachineParams
from asr.families.speech_llm.training import OwnParams, open_trainee
from asr.families.speech_llm.training.trainee import SpeechLlmTrainee
from asr.families.speech_llm.window import MAX_DURATION_S
from asr.training.augmentation.examples import TokenLimit
from asr.training.dev import DevError
from asr.training.distributed.processes import Processes
from asr.training.params import TrainParams
from asr.training.plan import TrainingBatch, plan_steps
from asr.training.task import Task
from asr.training.update import Updater
from benchmarks.corpora import Clip, read_corpus
from benchmarks.measure import Timing, ratio, timed, write_result

MANIFEST = Path("data/manifests/train.jsonl")
NUM_CLIPS, QUICK_CLIPS, CLIPS_A_STEP = 24, 4, 8


def params_of(tune: str, num_clips: int) -> TrainParams:
    """Section ``train`` for steps of so many clips, whatever they take."""
    read = load_params("train", TrainParams)
    join, speed = read.join, read.speed_change
    return read.model_copy(
        update={
            "tune": tune,
            "batch_seconds": MAX_DURATION_S * num_clips,
            "max_batch_clips": num_clips,
            "num_epochs": 1,
            "min_hours": 0.0,
            "join": join.model_copy(update={"share": 0.0}),
            "speed_change": speed.model_copy(update={"most": 0.0}),
        }
    )


def task_of(trainee: SpeechLlmTrainee, clips: Sequence[Clip]) -> Task:
    """The training of a model on clips."""
    utterances = [utterance for _, utterance in clips]

    def collate(batch: TrainingBatch) -> Any:
        indices = [example.pieces[0].index for example in batch.examples]
        return trainee.batch([clips[i][0] for i in indices], [utterances[i] for i in indices],
                             batch.context_s, indices, zeros=False)  # fmt: skip

    labels = [trainee.num_labels(one.text, one.language) for one in utterances]
    return Task(
        trainee.network, trainee.summed_loss, collate, [one.duration_s for one in utterances],
        ["all"] * len(clips), TokenLimit(labels, trainee.max_labels, MAX_DURATION_S),
        trainee.seconds, lambda: DevError(0.0, 0.0),
    )  # fmt: skip


def measure(base: Path, clips: Sequence[Clip], tune: str, clips_a_step: int) -> dict[str, Any]:
    """CPU seconds of each step, in turn; the first step of each warms up."""
    params = params_of(tune, clips_a_step)
    own = load_family_params("speech_llm", "train", OwnParams)
    timings: dict[str, dict[int, Timing]] = {}
    updaters = {}
    with TemporaryDirectory() as folder:
        for name in ("own context", "30 s"):
            trainee = open_trainee(base, torch.device("cpu"), params, own)
            if name == "30 s":
                wide = {"margin_s": MAX_DURATION_S}
                trainee.model.joint = trainee.model.joint.model_copy(update=wide)
            task = task_of(trainee, clips)
            alone = Processes(0, 1, torch.device("cpu"))
            updaters[name] = Updater(task, params, alone, Path(folder) / f"{name}.json")
            timings[name] = {}
        # The plan of the first, so that both have the same clips in a batch.
        task = updaters["own context"].task
        steps = plan_steps(task.durations_s, task.groups, task.token_limit, task.seconds, None,
                           params, seed=1)  # fmt: skip
        for number, batches in enumerate([steps[0][1], *(step[1] for step in steps)]):
            for name, updater in updaters.items():
                with timed() as timing:
                    updater.step(batches, dict.fromkeys(updater.groups.values(), params.lr))
                if number:
                    timings[name][number] = timing
    return {
        "tune": tune,
        "clips_a_step": clips_a_step,
        "cpu_s_a_step": {
            name: [round(timing.cpu_s, 2) for timing in found.values()]
            for name, found in timings.items()
        },
        "times_faster": ratio(timings["own context"], timings["30 s"]),
    }


def main() -> None:
    """Measure, print and write ``benchmarks/results/speech_llm_step.json``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", type=Path, default=Path("models/base"))
    parser.add_argument("--tune", choices=["projector", "lora", "full"], default="lora")
    parser.add_argument("--quick", action="store_true", help="few clips; prints, writes nothing")
    options = parser.parse_args()
    use_machine(load_params("machine", MachineParams).model_copy(update={"device": "cpu"}))
    corpus = read_corpus("starter", MANIFEST, QUICK_CLIPS if options.quick else NUM_CLIPS)
    clips_a_step = QUICK_CLIPS // 2 if options.quick else CLIPS_A_STEP
    result = measure(options.base, corpus.clips, options.tune, clips_a_step)
    write_result("speech_llm_step", {"clips": corpus.facts(), **result}, keep=not options.quick)


if __name__ == "__main__":
    main()
