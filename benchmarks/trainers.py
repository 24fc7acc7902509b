"""The trainers to compare: ours, and transformers' Seq2SeqTrainer on 30 s.

Each function loads the base model and returns its training function, in a process of its own.
Both tune the same weights of the same model: those that ``make_trainable`` chooses.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset
from transformers import (
    PrinterCallback,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    TrainerCallback,
)

from asr.devices.device import use_machine
from asr.devices.params import MachineParams
from asr.families.whisper.model.model import Whisper, load
from asr.families.whisper.training.loss import IGNORED, loss_batch
from asr.families.whisper.training.params import WhisperTrainParams
from asr.families.whisper.training.trainee import WhisperTrainee
from asr.families.whisper.training.tuning import make_trainable
from asr.families.whisper.window import MAX_DURATION_S
from asr.training.augmentation.augment import Augmentation
from asr.training.collate import collator
from asr.training.dev import DevError
from asr.training.distributed.processes import Processes
from asr.training.loop import Run
from asr.training.params import TrainParams
from asr.training.plan import TrainingBatch, plan_steps
from asr.training.task import Task, task_of
from asr.utterances.waveform import SAMPLE_RATE
from benchmarks.corpora import Clip
from benchmarks.in_turn import Work
from benchmarks.measure import Timing, timed


@dataclass(frozen=True)
class Schedule:
    """Our params for one training.

    Attributes:
        train: section ``train``.
        own: section ``whisper.train``.
    """

    train: TrainParams
    own: WhisperTrainParams


def standard(base: Path, schedule: Schedule, num_threads: int) -> Work:
    """The Hugging Face course's recipe: features padded to 30 s, a fixed number of clips a batch.

    The timing covers only Trainer's steps; the features are made before and read from memory.
    """
    torch.set_num_threads(num_threads)
    params = schedule.train
    whisper = load(base, torch.device("cpu"))
    make_trainable(whisper, params, schedule.own)
    network: Any = whisper.network
    # Otherwise Trainer divides the loss twice by the number of items of all accumulated batches.
    network.accepts_loss_kwargs = False

    def work(clips: Sequence[Clip]) -> tuple[Timing, int]:
        dataset, timer = Features(whisper, clips), StepTimer()
        end = network.generation_config.eos_token_id
        with tempfile.TemporaryDirectory() as folder:
            arguments = Seq2SeqTrainingArguments(
                output_dir=folder,
                per_device_train_batch_size=params.max_batch_clips,
                num_train_epochs=1,
                learning_rate=params.lr,
                max_grad_norm=params.max_grad_norm,
                save_strategy="no",
                logging_strategy="no",
                report_to=[],
                disable_tqdm=True,
                use_cpu=True,
            )
            trainer = Seq2SeqTrainer(
                model=network,
                args=arguments,
                train_dataset=dataset,
                data_collator=partial(collate, end=end),
                callbacks=[timer],
            )
            trainer.remove_callback(PrinterCallback)  # standard output is for the result
            trainer.train()
        return timer.timing, len(clips)

    return work


class Features(Dataset[dict[str, Any]]):
    """Clips in the form of the standard recipe: features of 30 s, made before training."""

    def __init__(self, whisper: Whisper, clips: Sequence[Clip]) -> None:
        extractor = whisper.processor.feature_extractor
        self.items = []
        for waveform, utterance in clips:
            features = extractor(waveform, sampling_rate=SAMPLE_RATE, return_tensors="pt")
            batch = loss_batch(whisper, [waveform], [utterance], context_s=MAX_DURATION_S)
            self.items.append(
                {
                    "input_features": features.input_features[0],
                    "decoder_input_ids": batch.inputs[0],
                    "labels": batch.targets[0],
                }
            )

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.items[index]


def collate(items: list[dict[str, Any]], end: int) -> dict[str, torch.Tensor]:
    """Pad a batch's tokens, as ``DataCollatorSpeechSeq2SeqWithPadding`` does."""
    pad = partial(torch.nn.utils.rnn.pad_sequence, batch_first=True)
    return {
        "input_features": torch.stack([item["input_features"] for item in items]),
        "decoder_input_ids": pad([i["decoder_input_ids"] for i in items], padding_value=end),
        "labels": pad([item["labels"] for item in items], padding_value=IGNORED),
    }


class StepTimer(TrainerCallback):
    """Times Trainer's steps, without its setup."""

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Start the timing."""
        self._timed = timed()
        self.timing = self._timed.__enter__()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """End the timing."""
        self._timed.__exit__(None, None, None)


def ours(base: Path, schedule: Schedule, machine: MachineParams) -> Work:
    """The train stage's own steps, timed with all their work on waveforms.

    If ``schedule`` has an encoder cache, the time to fill it counts too: each part makes its own.
    """
    single = Processes(0, 1, use_machine(machine))
    params = schedule.train
    trainee = WhisperTrainee(base, single.device, params, schedule.own)

    def work(clips: Sequence[Clip]) -> tuple[Timing, int]:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            os.environ["DVC_ROOT"] = folder
            with timed() as filling:
                task = stack.enter_context(our_task(trainee, clips, params, single))
            run = Run(task, params, single, Path(folder))
            steps = planned_steps(task, params)
            with timed() as training:
                for number, (_, batches) in enumerate(steps):
                    run.updater.step(batches, dict.fromkeys(run.updater.groups.values(), params.lr))
                    run.average(number)
        timing = Timing(filling.wall_s + training.wall_s, filling.cpu_s + training.cpu_s)
        return timing, len(clips) * params.num_epochs

    return work


@contextmanager
def our_task(
    trainee: WhisperTrainee, clips: Sequence[Clip], params: TrainParams, single: Processes
) -> Iterator[Task]:
    """The training task of the clips, as ``stages/train.py`` makes it."""
    waveforms, utterances = [w for w, _ in clips], [u for _, u in clips]
    as_it_is = Augmentation(params.augment, Path(params.augment.noise.folder))
    with collator(trainee, waveforms, utterances, params, as_it_is) as collate:
        no_dev = DevError(0.0, 0.0)
        num_labels = [trainee.num_labels(one.text, one.language) for one in utterances]
        yield task_of(
            trainee, utterances, MAX_DURATION_S, collate, lambda: no_dev,
            num_labels=num_labels, num_replay=0, shard_weights=False,
        )  # fmt: skip


def planned_steps(task: Task, params: TrainParams) -> list[tuple[int, list[TrainingBatch]]]:
    """Every step of the run, as ``asr.training.loop`` plans them."""
    return plan_steps(
        task.durations_s,
        task.groups,
        task.token_limit,
        task.seconds,
        task.long_context,
        params,
        seed=1,
    )
