"""WER on dev against CPU seconds of training: ``python -m benchmarks.quality``.

Trains the base model on the train manifest in four ways: with the params as they are, with LoRA,
with a frozen encoder, and with 30 s of context for every clip, as other tools do
(``recipes/full_context.yaml``). A step at 30 s takes ten times as long, so that training has a
tenth of the steps. The warm-up is at most a tenth of a training's steps. Each way evaluates dev
with the context that it trains with, which does not count.

    python -m benchmarks.quality              # all; writes benchmarks/results/quality.json and .svg
    python -m benchmarks.quality LoRA         # one again; the others stay
    python -m benchmarks.quality --steps 60   # instead of the default's steps; at 30 s six

With ``machine.num_processes`` the CPU seconds are those of all processes together.
"""

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from asr.core.files import read_json
from asr.core.params import PARAMS, load_params, load_seed, read_yaml
from asr.devices.device import use_machine
from asr.devices.params import MachineParams
from asr.families.whisper.training.params import WhisperTrainParams
from asr.families.whisper.training.trainee import WhisperTrainee
from asr.training.dev import DevError, dev_evaluator
from asr.training.distributed.launch import launch
from asr.training.distributed.processes import Processes, join_processes, launched
from asr.training.loop import train
from asr.training.params import TrainParams
from asr.training.target_text import target_texts
from asr.utterances.shards import Waveforms
from asr.utterances.utterance import Utterance, read_manifest
from benchmarks.corpora import PREPARED
from benchmarks.line_plot import GAP, WIDTH, from_zero, panel, svg
from benchmarks.measure import RESULTS, write_result
from benchmarks.trainers import our_task, planned_steps

BASE, MANIFESTS = Path("models/base"), Path("data/manifests")
FULL_CONTEXT = Path("recipes/full_context.yaml")
NUM_POINTS, QUICK_STEPS = 4, 2
AT_30_S = "30 s, a tenth of the steps"
WAYS: dict[str, dict[str, Any]] = {
    "default": {},
    "LoRA": {"train.tune": "lora", "train.lr": 5e-4},
    "frozen encoder": {"train.tune": "frozen_encoder"},
    AT_30_S: read_yaml(FULL_CONTEXT) if FULL_CONTEXT.is_file() else {},
}


class Clock:
    """Evaluates dev, and stores the CPU seconds of training until then, without evaluations."""

    def __init__(self, evaluate: Callable[[], DevError], processes: Processes) -> None:
        self._evaluate, self._processes = evaluate, processes
        self._trained_s, self._since = 0.0, time.process_time()
        self.points: list[dict[str, float]] = []

    def __call__(self) -> DevError:
        """The error on dev."""
        self._trained_s += time.process_time() - self._since
        error = self._evaluate()
        cpu_s = round(self._processes.totals(self._trained_s)[0], 1)
        self.points.append({"cpu_s": cpu_s, "wer": error.wer, "cer": error.cer})
        self._since = time.process_time()
        return error


def with_overrides(overrides: Mapping[str, Any]) -> tuple[TrainParams, WhisperTrainParams]:
    """Sections ``train`` and ``whisper.train`` of params.yaml with other values at dotted keys."""
    params = read_yaml(PARAMS)
    for key, value in overrides.items():
        *path, last = key.split(".")
        section = params
        for name in path:
            section = section[name]
        section[last] = value
    return (
        TrainParams.model_validate(params["train"]),
        WhisperTrainParams.model_validate(params["whisper"]["train"]),
    )


def measure(name: str, processes: Processes, most_steps: int) -> dict[str, Any]:
    """Train in one way; return the curve of its WER on dev over CPU seconds.

    Args:
        name: a key of ``WAYS``.
        processes: the processes of the run.
        most_steps: at most so many, at 30 s a tenth of it; 0 for no limit.
    """
    params, own = with_overrides(WAYS[name])
    utterances, dev = (
        target_texts(read_manifest(MANIFESTS / f"{split}.jsonl"), params.text)
        for split in ("train", "dev")
    )
    waveforms = Waveforms(PREPARED, utterances)
    clips = [(waveforms[index], utterance) for index, utterance in enumerate(utterances)]
    trainee = WhisperTrainee(BASE, processes.device, params, own)
    with TemporaryDirectory() as folder, our_task(trainee, clips, params, processes) as task:
        num_steps = len(planned_steps(task, params))
        num_steps = min(num_steps, most_steps or num_steps)
        if name == AT_30_S:
            num_steps = max(1, num_steps // 10)
        params = params.model_copy(
            update={
                "max_steps": num_steps,
                "warmup_steps": min(params.warmup_steps, num_steps // 10),
                "eval_every_steps": -(-num_steps // NUM_POINTS),
                "save_every_steps": num_steps,  # never before the end, so that saving takes no time
            }
        )
        clock = Clock(dev_evaluator(trainee, PREPARED, dev, params, processes), processes)
        timed_task = replace(task, evaluate_dev=clock)
        progress = train(timed_task, params, load_seed(), processes, Path(folder) / "scratch")
    return {
        "overrides": WAYS[name],
        "steps": num_steps,
        "hours": hours_of(utterances),
        "points": [
            {"step": row["step"], **point}
            for row, point in zip(progress.dev_rows, clock.points, strict=True)
        ],
    }


def hours_of(utterances: list[Utterance]) -> float:
    """Hours of speech."""
    return round(sum(utterance.duration_s for utterance in utterances) / 3600, 3)


def plot(ways: Mapping[str, Any]) -> str:
    """WER and CER on dev over CPU minutes, a line for each way to train."""
    panels: list[str] = []
    for key, title in (("wer", "WER on dev"), ("cer", "CER on dev")):
        lines = {
            name: [(point["cpu_s"] / 60, point[key]) for point in way["points"]]
            for name, way in ways.items()
        }
        x, y = (from_zero(p[axis] for points in lines.values() for p in points) for axis in (0, 1))
        left = len(panels) * (WIDTH + GAP)
        panels.append(panel(lines, x, y, f"{title}, by CPU minutes of training", left))
    return svg(panels, list(ways))


def main() -> None:
    """Measure, print, and write ``benchmarks/results/quality.json`` and ``quality.svg``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(WAYS)}")
    parser.add_argument("--steps", type=int, default=0, help="at most; 0: as params.yaml says")
    parser.add_argument("--quick", action="store_true", help="two steps; prints, writes nothing")
    options = parser.parse_args()
    if unknown := set(options.names) - WAYS.keys():
        parser.error(f"expected names of {list(WAYS)}, got {sorted(unknown)}")
    machine = load_params("machine", MachineParams)
    if machine.num_processes > 1 and not launched():
        launch("benchmarks.quality", sys.argv[1:], machine.num_processes)
        return
    processes = join_processes(use_machine(machine), machine.num_processes)
    file = RESULTS / "quality.json"
    ways = read_json(file)["ways"] if file.is_file() and not options.quick else {}
    for name in options.names or WAYS:
        ways[name] = measure(name, processes, QUICK_STEPS if options.quick else options.steps)
        if processes.first:
            ordered = {name: ways[name] for name in WAYS if name in ways}
            write_result("quality", {"ways": ordered}, keep=not options.quick)
            if not options.quick:
                (RESULTS / "quality.svg").write_text(plot(ordered), encoding="utf-8")


if __name__ == "__main__":
    main()
