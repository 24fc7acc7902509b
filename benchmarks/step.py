"""Where a training step's time goes, and how near it is to the machine's peak.

``python -m benchmarks.step`` uses one thread and the same batches as ``benchmarks/training.py``.
torch counts the FLOPs of matrix products and attention; a multiplication and an addition are two.
The peak is the best rate of several products of square float32 matrices.
"""

import os
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from asr.core.params import load_params
from asr.devices.device import use_machine
from asr.devices.params import MachineParams
from asr.families.whisper.model.model import Whisper
from asr.families.whisper.training.trainee import WhisperTrainee
from asr.planning.devices import peak_gflops
from asr.training.distributed.processes import Processes
from asr.training.loop import Run
from asr.training.params import TrainParams
from benchmarks.corpora import Clip, arguments, read_corpus
from benchmarks.measure import write_result
from benchmarks.trainers import our_task, planned_steps
from benchmarks.training import BASE, CLIPS_A_BATCH, MANIFEST, schedules

NUM_CLIPS, QUICK_CLIPS = 64, 4
# What to profile: train.tune, the name of the params in ``schedules``, the corpus.
STEPS = [
    ("full", "short", "starter"),
    ("frozen_encoder", "short", "starter"),
    ("lora", "short", "starter"),
    ("frozen_encoder", "cached", "starter"),
    ("full", "default", "starter"),
    ("full", "default", "cv"),
]


class Parts:
    """CPU seconds by part of a step; ``mark`` adds the time since the last mark to a part."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._last = time.process_time()

    def mark(self, part: str) -> None:
        """Add the CPU time since the last mark to ``part``."""
        now = time.process_time()
        self.seconds[part] += now - self._last
        self._last = now

    def after(self, function: Callable[..., Any], part: str) -> Callable[..., Any]:
        """Wrap a function so that it marks ``part`` when it returns."""

        def marking(*given: Any, **named: Any) -> Any:
            result = function(*given, **named)
            self.mark(part)
            return result

        return marking


def watch(run: Run, whisper: Whisper, parts: Parts) -> None:
    """Add marks to a run. The backward pass has the reverse order: head, decoder, encoder."""
    network: Any = whisper.network

    def output_of(module: torch.nn.Module, part: str, next_part: str) -> None:
        def forward(_: Any, __: Any, output: torch.Tensor) -> None:
            parts.mark(f"{part}, forward")
            if output.requires_grad:
                # The gradient of the output is ready when the next part's backward pass ends.
                output.register_hook(lambda _: parts.mark(f"{next_part}, backward"))  # type: ignore[no-untyped-call]

        module.register_forward_hook(forward)

    output_of(network.model.encoder.layer_norm, "encoder", "decoder")
    output_of(network.model.decoder.layer_norm, "decoder", "output and loss")
    run.updater.loss.register_forward_hook(lambda *_: parts.mark("output and loss, forward"))
    task, accelerator, optimizer = run.task, run.updater.accelerator, run.updater.optimizer
    task.collate = parts.after(task.collate, "audio, log-mel and tokens")
    learns = any(weight.requires_grad for weight in network.model.encoder.parameters())
    rest = "encoder, backward" if learns else "decoder, backward"
    accelerator.backward = parts.after(accelerator.backward, rest)
    accelerator.clip_grad_norm_ = parts.after(accelerator.clip_grad_norm_, "gradient clipping")
    optimizer.step = parts.after(optimizer.step, "optimizer")
    run.average = parts.after(run.average, "average of the weights")  # type: ignore[method-assign]


def train(
    trainee: WhisperTrainee, clips: Sequence[Clip], params: TrainParams, parts: Parts | None
) -> None:
    """Run all training steps on the clips; ``parts``, if given, gets their times."""
    single = Processes(0, 1, torch.device("cpu"))
    with TemporaryDirectory() as folder:
        os.environ["DVC_ROOT"] = folder  # so that each run fills an encoder cache of its own
        with our_task(trainee, clips, params, single) as task:
            run = Run(task, params, single, Path(folder))
            if parts:
                parts.mark("filling the cache")
                watch(run, trainee.whisper, parts)
            for number, (_, batches) in enumerate(planned_steps(task, params)):
                run.updater.step(batches, dict.fromkeys(run.updater.groups.values(), params.lr))
                run.average(number)


def profile(tune: str, trainer: str, corpus: str, num_clips: int, peak: float) -> dict[str, Any]:
    """Train on the clips once to warm up and to count FLOPs, and once to time the parts."""
    schedule = schedules(tune, CLIPS_A_BATCH[corpus])[trainer]
    params = schedule.train
    trainee = WhisperTrainee(BASE, torch.device("cpu"), params, schedule.own)
    clips = read_corpus(corpus, MANIFEST, num_clips).clips
    with FlopCounterMode(display=False) as counter:
        train(trainee, clips, params, None)
    parts = Parts()
    train(trainee, clips, params, parts)
    if not schedule.own.cache_encoder:
        del parts.seconds["filling the cache"]
    seconds, num_trained = sum(parts.seconds.values()), len(clips) * params.num_epochs
    gflops = counter.get_total_flops() / 1e9
    learning = (weight for weight in trainee.network.parameters() if weight.requires_grad)
    return {
        "tune": tune,
        "trainer": trainer,
        "corpus": corpus,
        "learning_mb": round(sum(weight.nbytes for weight in learning) / 2**20),
        "gflop_a_clip": round(gflops / num_trained, 2),
        "cpu_s_a_clip": round(seconds / num_trained, 4),
        "gflops": round(gflops / seconds, 1),
        "share_of_peak": round(gflops / seconds / peak, 3),
        "shares": {
            part: round(spent / seconds, 3)
            for part, spent in sorted(parts.seconds.items(), key=lambda item: -item[1])
        },
    }


def main() -> None:
    """Measure, print and write ``benchmarks/results/step.json``."""
    options = arguments(__doc__)
    use_machine(load_params("machine", MachineParams).model_copy(update={"num_threads": 1}))
    num_clips = QUICK_CLIPS if options.quick else NUM_CLIPS
    peak = peak_gflops(time.process_time)
    result = {
        "peak_gflops": round(peak, 1),
        "steps": [profile(*step, num_clips, peak) for step in STEPS],
    }
    write_result("step", result, keep=not options.quick)


if __name__ == "__main__":
    main()
