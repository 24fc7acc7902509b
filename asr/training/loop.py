"""The training loop: batches by seconds, exact resume, the weights that read dev best.

A loop of our own on accelerate rather than transformers' Trainer. Trainer counts batches in clips
and re-derives its position by replaying a sampler, scales Whisper's loss wrongly under accumulation
(its ``forward`` takes ``**kwargs``, so Trainer thinks that it normalises), and saves state as
pickles; a subclass that mends all that is longer than this file.

Nothing here keeps hidden state: the batches are a function of the seed, the learning rate of the
step, and random numbers are reseeded at each step. Weights, their average, the optimizer's moments
and the curves are all that a checkpoint holds; a run that was killed ends in the same bits as one
that was not.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from tqdm import tqdm

from asr.training.distributed.launch import EXIT_CODE, sigterm_noted
from asr.training.distributed.processes import Processes
from asr.training.distributed.sharding import held_share, join, like, own, whole, whole_layers
from asr.training.params import TrainParams
from asr.training.plan import learning_rate, plan_steps
from asr.training.state.checkpoint import (
    Checkpoint,
    kept_states,
    load_checkpoint,
    save_checkpoint,
    save_weights,
)
from asr.training.state.log import CurveRow
from asr.training.trainee import Task
from asr.training.update import Updater, trainable

TRAIN_COLUMNS = ("step", "epoch", "loss", "lr", "grad_norm", "audio_s")
DEV_COLUMNS = ("step", "wer", "cer", "best")


@dataclass
class Progress:
    """What a run has done so far; all of it is in every checkpoint."""

    step: int = 0
    best_step: int = 0
    best: list[float] | None = None  # WER and CER
    window: list[CurveRow] = field(default_factory=list)  # steps not yet in a row
    train_rows: list[CurveRow] = field(default_factory=list)
    dev_rows: list[CurveRow] = field(default_factory=list)

    def log_window(self) -> None:
        """Make one row of the steps since the last: means, but the audio's sum."""
        last = self.window[-1]
        self.train_rows.append(
            {
                "step": self.step,
                "epoch": last["epoch"],
                "loss": _mean(self.window, "loss"),
                "lr": float(f"{last['lr']:.6g}"),
                "grad_norm": _mean(self.window, "grad_norm"),
                "audio_s": round(sum(point["audio_s"] for point in self.window), 2),
            }
        )
        self.window = []


def train(
    task: Task, params: TrainParams, seed: int, processes: Processes, scratch: Path,
    watch: Callable[[Progress, CurveRow], None] = lambda progress, saved: None,
) -> Progress:  # fmt: skip
    """Train, leaving the best weights in ``task.network``; resumes from ``scratch`` if it can.

    Several processes go through all of this together; the first alone writes, and is the one whose
    network has the best weights in the end. ``watch`` is shown the progress after each step,
    and the checkpoint if one was saved.

    Raises:
        SystemExit: with code 143 after SIGTERM; what was done until then is saved.
        InputError: if memory is too small for one clip.
    """
    run = Run(task, params, processes, scratch)
    steps = plan_steps(
        task.durations_s, task.groups, task.room, task.seconds, task.long_context, params, seed
    )
    if task.in_parts:
        share = held_share(task.network)
        _say(processes, f"each of {processes.count} processes keeps {share:.1%} of the weights")
    progress = run.resumed()
    with (
        sigterm_noted() as terminated,
        _bar(len(steps), progress.step, processes) as bar,
    ):
        for epoch, batches in steps[progress.step :]:
            torch.manual_seed(zlib.crc32(f"{seed}-{progress.step}".encode()) + processes.rank)
            rate = learning_rate(progress.step, len(steps), params)
            point = {"epoch": epoch, "lr": rate, **run.updater.step(batches, rate)}
            run.average(progress.step)
            progress.step += 1
            progress.window.append(point)
            last = progress.step == len(steps)
            if progress.step % params.log_every_steps == 0 or last:
                progress.log_window()
            if progress.step % params.eval_every_steps == 0 or last:
                run.look_at_dev(progress)
            stop = processes.any(terminated()) and not last
            save = (progress.step % params.save_every_steps == 0 or stop) and not last
            watch(progress, run.save(progress) if save else {})
            if stop:
                processes.wait()  # for the first, which saves
                _say(
                    processes,
                    f"terminated: saved after step {progress.step}, run it again to go on",
                )
                raise SystemExit(EXIT_CODE)
            bar.set_postfix(loss=f"{point['loss']:.3f}", dev_wer=progress.best and progress.best[0])
            bar.update()
    run.restore_best(progress)
    return progress


def _bar(num_steps: int, done: int, processes: Processes) -> Any:
    """A progress bar of the first process; the others' would overwrite it."""
    silent = {} if processes.first else {"disable": True}
    return tqdm(total=num_steps, initial=done, unit="step", desc="train", **silent)


def _say(processes: Processes, words: str) -> None:
    if processes.first:
        tqdm.write(words)


class Run:
    """The parts of a run that have weights in them."""

    def __init__(
        self, task: Task, params: TrainParams, processes: Processes, scratch: Path
    ) -> None:
        self.task, self.params, self.processes, self.scratch = task, params, processes, scratch
        self.updater = Updater(task, params, processes, scratch.parent / "batch_limits.json")
        self.weights, self.optimizer = self.updater.weights, self.updater.optimizer
        self.averages = {n: w.detach().clone() for n, w in self.weights.items()}

    def average(self, step: int) -> None:
        """Move the average towards the weights after ``step``; it starts quick, as Adam's does."""
        decay = min(self.params.average_decay, (step + 1) / (step + 10))
        weights = [own(weight.detach()) for weight in self.weights.values()]
        averages = [own(average) for average in self.averages.values()]
        torch._foreach_lerp_(averages, weights, 1 - decay)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Inside, the network has the averaged weights; they read better than any step's own."""
        steps_own = {name: weight.detach().clone() for name, weight in self.weights.items()}
        self._fill(self.averages)
        yield
        self._fill(steps_own)

    def look_at_dev(self, progress: Progress) -> None:
        """Transcribe dev with the averaged weights; keep those if they are the best so far."""
        self.task.network.eval()
        with self.averaged(), whole_layers(self.task.in_parts):
            error = self.task.read_dev()
        self.task.network.train()
        best = progress.best is None or [error.wer, error.cer] < progress.best
        if best:
            progress.best, progress.best_step = [error.wer, error.cer], progress.step
            averages = self._gathered(self.averages)
            if self.processes.first:
                save_weights(self._best_file(progress.best_step), averages)
        progress.dev_rows.append(
            {"step": progress.step, "wer": error.wer, "cer": error.cer, "best": int(best)}
        )

    def restore_best(self, progress: Progress) -> None:
        """Put the weights that read dev best back into the network of the first process."""
        join(self.task.network)
        if self.processes.first:
            self.weights = trainable(self.task.network)
            self._fill(load_file(self._best_file(progress.best_step)))
        self.task.network.eval()

    def save(self, progress: Progress) -> CurveRow:
        """Write a checkpoint; best weights that no checkpoint names any more are dropped.

        Returns:
            Its file and its hash, for the log; nothing where the first process does it.
        """
        tensors = {f"weight/{name}": weight.data for name, weight in self.weights.items()}
        tensors |= {f"average/{name}": average for name, average in self.averages.items()}
        for name, weight in self.weights.items():
            for key, value in self.optimizer.state[weight].items():
                tensors[f"{key}/{name}"] = value
        tensors = self._gathered(tensors)
        if not self.processes.first:
            return {}
        checkpoint = Checkpoint(progress.step, tensors, asdict(progress))
        path, sha256 = save_checkpoint(self.scratch, checkpoint)
        named = {self._best_file(state["best_step"]) for state in kept_states(self.scratch)}
        for unnamed in set(self.scratch.glob("best-*")) - named:
            unnamed.unlink()
        return {"checkpoint": str(path), "checkpoint_sha256": sha256}

    def resumed(self) -> Progress:
        """Fill weights and moments from the newest checkpoint, if there is one."""
        # The first clears away what is damaged, before the others look.
        if self.processes.first:
            checkpoint = load_checkpoint(self.scratch)
        self.processes.wait()
        if not self.processes.first:
            checkpoint = load_checkpoint(self.scratch)
        if checkpoint is None:
            return Progress()
        named: dict[str, dict[str, torch.Tensor]] = {}
        for name, tensor in checkpoint.tensors.items():
            kind, _, weight_name = name.partition("/")
            named.setdefault(kind, {})[weight_name] = tensor
        self._fill(named.pop("weight"))
        averages = named.pop("average")
        for name, average in self.averages.items():
            average.copy_(like(average, averages[name]))
        for kind, tensors in named.items():
            for weight_name, tensor in tensors.items():
                weight = self.weights[weight_name]
                # AdamW keeps its step count on the CPU unless it is fused or capturable.
                self.optimizer.state[weight][kind] = like(weight, tensor)
        _say(self.processes, f"resuming after step {checkpoint.step} from {self.scratch}")
        return Progress(**checkpoint.state)

    def _gathered(self, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """All of each tensor, in the first process alone; every process must ask."""
        gathered = {}
        for name, tensor in tensors.items():
            everything = whole(tensor)
            if self.processes.first:
                gathered[name] = everything.cpu()
        return gathered

    def _fill(self, tensors: dict[str, torch.Tensor]) -> None:
        with torch.no_grad():
            for name, weight in self.weights.items():
                weight.copy_(like(weight, tensors[name]))

    def _best_file(self, step: int) -> Path:
        # A name of its own for each: a checkpoint older than the newest best still finds its own.
        return self.scratch / f"best-{step:08d}.safetensors"


def _mean(rows: list[CurveRow], column: str) -> float:
    return round(float(sum(row[column] for row in rows)) / len(rows), 6)
