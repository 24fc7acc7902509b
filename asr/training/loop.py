"""The training loop: batches by seconds, exact resume, best weights by the error rate on dev.

This is our own loop on accelerate, not transformers' Trainer. Trainer fills batches by clips and
resumes by replaying a sampler. It scales Whisper's loss wrongly under accumulation: its ``forward``
takes ``**kwargs``, so Trainer assumes that it normalizes the loss. It saves state as pickles. A
subclass that fixes all this is longer than this file.

The loop has no hidden state: the batches depend only on the seed, the learning rate only on the
step, and random numbers are reseeded at each step. A checkpoint holds the weights, their average,
the optimizer's moments, the curves, and in fp16 the scale of the loss. A killed and resumed run
ends in the same bits as one that was never killed.
"""

import signal
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from tqdm import tqdm

from asr.core.errors import InputError
from asr.training.distributed.launch import stop_signals
from asr.training.distributed.processes import Processes
from asr.training.distributed.sharding import (
    full_tensor,
    local_part,
    local_share,
    shard_like,
    unshard,
    unsharded_layers,
)
from asr.training.finite import check_finite, fault_of_step, is_finite, last_of_many
from asr.training.params import TrainParams
from asr.training.phases import Phases
from asr.training.plan import TrainingBatch, plan_steps
from asr.training.progress import Progress
from asr.training.state.checkpoint import (
    Checkpoint,
    check_sha256,
    files_in_use,
    load_checkpoint,
    save_checkpoint,
    save_weights,
)
from asr.training.state.log import CurveRow
from asr.training.task import Task
from asr.training.update import Updater


def train(
    task: Task, params: TrainParams, seed: int, processes: Processes, scratch: Path,
    watch: Callable[[Progress, CurveRow], None] = lambda progress, saved: None,
) -> Progress:  # fmt: skip
    """Train from the newest checkpoint in ``scratch``, if any; load the best weights at the end.

    All processes of a run call this function. Only the first one writes, and only its network has
    the best weights at the end. ``watch`` is called after each step with the progress, and with
    files and hashes of checkpoint and best weights if they were saved.

    Raises:
        SystemExit: with code 143 after SIGTERM, 130 after Ctrl-C, with a checkpoint saved.
        InputError: if one clip does not fit into memory, ``max_skipped_steps`` steps in a row are
            not finite, or a weight to save is not. The last checkpoint stays.
    """
    run = Run(task, params, processes, scratch)
    steps = plan_steps(
        task.durations_s, task.groups, task.token_limit, task.seconds, task.long_context,
        params, seed, task.num_replay,
    )  # fmt: skip
    if task.sharded_layers:
        share = local_share(task.network)
        _write(processes, f"each of {processes.count} processes holds {share:.1%} of the weights")
    phases = Phases(
        params, [epoch for epoch, _ in steps], run.updater.groups.values(), task.rate_factors
    )
    progress = run.resumed()
    if progress.step == 0 and phases.named:
        run.announce(progress, phases)
        watch(progress, {})
    with (
        stop_signals() as stopped_by,
        run.updater.loader,
        _bar(len(steps), progress.step, processes) as bar,
    ):
        for epoch, batches in steps[progress.step :]:
            torch.manual_seed(zlib.crc32(f"{seed}-{progress.step}".encode()) + processes.rank)
            _, upcoming = steps[progress.step + 1] if progress.step + 1 < len(steps) else (0, [])
            point = run.updater.step(batches, phases.rates(progress.step), upcoming)
            point |= {"epoch": epoch, **phases.row(progress.step)}
            if is_finite(point["loss"], point["grad_norm"]):
                run.average(progress.step)
                progress.step += 1
                progress.num_skipped_in_a_row = 0
                progress.window.append(point)
            else:
                progress.step += 1
                run.skip(progress, point, batches)
            last = progress.step == len(steps)
            switch = not last and run.announce(progress, phases)
            if progress.step % params.log_every_steps == 0 or switch or last:
                progress.log_window()
            evaluate = progress.step % params.eval_every_steps == 0 or last
            saved = run.evaluate(progress) if evaluate else {}
            stop = processes.any(bool(stopped_by())) and not last
            save = (progress.step % params.save_every_steps == 0 or stop) and not last
            watch(progress, saved | run.save(progress) if save else saved)
            if stop:
                processes.barrier()  # until the first process has saved
                _write(
                    processes,
                    f"stopped: saved after step {progress.step}, run again to resume",
                )
                raise SystemExit(128 + (stopped_by() or signal.SIGTERM))
            bar.set_postfix(loss=f"{point['loss']:.3f}", dev_wer=progress.best and progress.best[0])
            bar.update()
    run.restore_best(progress)
    if progress.num_skipped:
        _write(processes, f"{progress.num_skipped} of {len(steps)} steps were not finite, skipped")
    return progress


def _bar(num_steps: int, done: int, processes: Processes) -> Any:
    """Progress bar of the first process; disabled in the others, which would overwrite it."""
    silent = {} if processes.first else {"disable": True}
    return tqdm(total=num_steps, initial=done, unit="step", desc="train", **silent)


def _write(processes: Processes, words: str) -> None:
    if processes.first:
        tqdm.write(words)


class Run:
    """Weights, their average and optimizer of a run, with evaluation and checkpoints."""

    def __init__(
        self, task: Task, params: TrainParams, processes: Processes, scratch: Path
    ) -> None:
        self.task, self.params, self.processes, self.scratch = task, params, processes, scratch
        self.updater = Updater(task, params, processes, scratch.parent / "batch_limits.json")
        self.weights, self.optimizer = self.updater.weights, self.updater.optimizer
        self.scaler = self.updater.accelerator.scaler  # None but in fp16
        self.averages = {n: w.detach().clone() for n, w in self.weights.items()}

    def skip(self, progress: Progress, point: CurveRow, batches: list[TrainingBatch]) -> None:
        """Count and report a step that was not finite; raise if too many came in a row."""
        progress.num_skipped += 1
        progress.num_skipped_in_a_row += 1
        num_train = len(self.task.durations_s) - self.task.num_replay
        fault = fault_of_step(progress.step, point, batches, num_train)
        _write(self.processes, f"{fault}: skipped")
        if progress.num_skipped_in_a_row >= self.params.max_skipped_steps:
            raise InputError(last_of_many(fault, self.params.max_skipped_steps, self.scratch))

    def announce(self, progress: Progress, phases: Phases) -> bool:
        """Note and print the phase that starts with the next step; returns whether one does."""
        if switch := phases.switch(progress.step):
            progress.phase_rows.append(switch)
            _write(self.processes, phases.described(progress.step))
        return bool(switch)

    def average(self, step: int) -> None:
        """Move the average towards the weights after ``step``; the first steps move it faster."""
        decay = min(self.params.average_decay, (step + 1) / (step + 10))
        weights = [local_part(weight.detach()) for weight in self.weights.values()]
        averages = [local_part(average) for average in self.averages.values()]
        torch._foreach_lerp_(averages, weights, 1 - decay)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Inside the block, the network has the averaged weights, which transcribe better."""
        steps_own = {name: weight.detach().clone() for name, weight in self.weights.items()}
        self._fill(self.averages)
        yield
        self._fill(steps_own)

    def evaluate(self, progress: Progress) -> CurveRow:
        """Transcribe dev with the averaged weights; save them if they are the best so far.

        Returns:
            File and hash of the weights, for the log; empty if not saved, or by another process.
        """
        self.task.network.eval()
        with self.averaged(), unsharded_layers(self.task.sharded_layers):
            error = self.task.evaluate_dev()
        self.task.network.train()
        best, saved = progress.best is None or [error.wer, error.cer] < progress.best, {}
        if best:
            progress.best, progress.best_step = [error.wer, error.cer], progress.step
            averages = self._gathered(self.averages)
            if self.processes.first:
                check_finite(averages, progress.step)
                file = self._best_file(progress.best_step)
                progress.best_sha256 = save_weights(file, averages)
                saved = {"best_weights": str(file), "best_weights_sha256": progress.best_sha256}
        progress.dev_rows.append(
            {
                "step": progress.step,
                "wer": error.wer,
                "cer": error.cer,
                "best": int(best),
                **error.shares,
            }
        )
        return saved

    def restore_best(self, progress: Progress) -> None:
        """Load the weights with the lowest error on dev into the network of the first process."""
        unshard(self.task.network)
        if self.processes.first:
            network = dict(self.task.network.named_parameters())
            self.weights = {name: network[name] for name in self.weights}
            best = self._best_file(progress.best_step)
            check_sha256(best, progress.best_sha256)
            self._fill(load_file(best))
        self.task.network.eval()

    def save(self, progress: Progress) -> CurveRow:
        """Write a checkpoint; remove files of best weights that no checkpoint refers to.

        Returns:
            File and hash of the checkpoint, for the log; empty in all processes but the first.
        """
        tensors = {f"weight/{name}": weight.data for name, weight in self.weights.items()}
        tensors |= {f"average/{name}": average for name, average in self.averages.items()}
        for name, weight in self.weights.items():
            for key, value in self.optimizer.state[weight].items():
                tensors[f"{key}/{name}"] = value
        tensors = self._gathered(tensors)
        if not self.processes.first:
            return {}
        check_finite(tensors, progress.step)
        if self.scaler is not None:
            progress.scaler = self.scaler.state_dict()
        best = self._best_file(progress.best_step)
        files = {best.name: progress.best_sha256} if progress.best else {}
        checkpoint = Checkpoint(progress.step, tensors, asdict(progress), files)
        path, sha256 = save_checkpoint(self.scratch, checkpoint)
        for unused in set(self.scratch.glob("best-*")) - files_in_use(self.scratch):
            unused.unlink()
        return {"checkpoint": str(path), "checkpoint_sha256": sha256}

    def resumed(self) -> Progress:
        """Load weights, averages and moments from the newest checkpoint, if there is one."""
        # The first process removes damaged checkpoints before the others read.
        if self.processes.first:
            checkpoint = load_checkpoint(self.scratch)
        self.processes.barrier()
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
            average.copy_(shard_like(average, averages[name]))
        for kind, tensors in named.items():
            for weight_name, tensor in tensors.items():
                weight = self.weights[weight_name]
                # AdamW keeps its step count on the CPU unless it is fused or capturable.
                self.optimizer.state[weight][kind] = shard_like(weight, tensor)
        if self.scaler is not None:
            self.scaler.load_state_dict(checkpoint.state["scaler"])
        _write(self.processes, f"resuming after step {checkpoint.step} from {self.scratch}")
        return Progress(**checkpoint.state)

    def _gathered(self, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Full tensors, on the CPU of the first process; every process must call it."""
        gathered = {}
        for name, tensor in tensors.items():
            full = full_tensor(tensor)
            if self.processes.first:
                gathered[name] = full.cpu()
        return gathered

    def _fill(self, tensors: dict[str, torch.Tensor]) -> None:
        with torch.no_grad():
            for name, weight in self.weights.items():
                weight.copy_(shard_like(weight, tensors[name]))

    def _best_file(self, step: int) -> Path:
        # One file per step: an older checkpoint may refer to older best weights.
        return self.scratch / f"best-{step:08d}.safetensors"
