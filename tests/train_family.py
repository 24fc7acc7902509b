"""A run of training on a family's smallest model, to be started as one process or several.

``python -m tests.train_family --family whisper --base BASE --folder FOLDER --num-processes 2``
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from asr.core.cli import run
from asr.core.files import write_json
from asr.training.distributed.launch import launch
from asr.training.distributed.processes import join_processes, launched
from asr.training.loop import train
from asr.training.params import PhaseParams
from tests.tiny_families import BY_NAME, CPU, task


def train_family(family: str, base: Path, folder: Path, num_processes: int) -> None:
    """Start the processes, or be one of them; write curves and weights into ``folder``."""
    if num_processes > 1 and not launched():
        launch("tests.train_family", sys.argv[1:], num_processes)
        return
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    processes = join_processes(CPU, num_processes)
    tiny = BY_NAME[family]
    first, *others = tiny.groups("full")
    phases = [PhaseParams(from_step=0, groups=[first]), PhaseParams(from_step=1, groups=others)]
    params = tiny.params(
        "full", num_epochs=2, step_clips=3, eval_every_steps=2, log_every_steps=1,
        phases=phases, weight_decay=0.1, save_every_steps=1,
    )  # fmt: skip
    made = task(tiny, tiny.trainee(base), processes)
    progress = train(made, params, 1, processes, folder)
    if processes.first:
        write_json(folder / "rows.json", [progress.train_rows, progress.dev_rows])
        weights = {name: weight.data for name, weight in made.network.named_parameters()}
        save_file(weights, folder / "weights.safetensors")


if __name__ == "__main__":
    run(train_family)
