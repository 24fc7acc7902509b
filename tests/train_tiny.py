"""A run of training on the tiny Whisper, to be started as one process or several.

``python -m tests.train_tiny`` trains the model in MODEL on noise, once for each of RUNS, such as
``lora-whole,full-parts``: what is tuned, and whether each process has all layers or parts of them.
Curves and weights go to FOLDER/RUN. In the first step memory runs out in the last process of a
``whole`` run; EVENT happens to the last process of the first run: ``out_of_memory`` in the first
step, ``sigterm`` or ``death`` in the third, or ``none``.
"""

import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from asr.core.cli import run
from asr.core.params import load_family_params, load_params
from asr.families.whisper.training.params import WhisperTrainParams
from asr.families.whisper.training.trainee import WhisperTrainee
from asr.training.augmentation.examples import TokenLimit
from asr.training.dev import dev_error
from asr.training.distributed.launch import launch
from asr.training.distributed.processes import Processes, join_processes, launched
from asr.training.loop import train
from asr.training.params import JoinParams, SpeedChangeParams, TrainParams
from asr.training.task import Task
from tests.examples import utterance

ROOT = Path(__file__).parent.parent
TEXTS = ["як", "я", "abc", "лес", "аб", "d e"]


def train_tiny(model: Path, folder: Path, num_processes: int, event: str, runs: str) -> None:
    """Start the processes, or be one of them: to import all takes longer than to train."""
    if num_processes > 1 and not launched():
        launch("tests.train_tiny", sys.argv[1:], num_processes)
        return
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    processes = join_processes(torch.device("cpu"), num_processes)
    for name in runs.split(","):
        train_once(model, folder / name, processes, event, *name.split("-"))


def train_once(
    model: Path, folder: Path, processes: Processes, event: str, tune: str, kept: str
) -> None:
    params = load_params("train", TrainParams, ROOT / "params.yaml").model_copy(
        update={
            "lr": 1e-2, "warmup_steps": 0, "num_epochs": 2, "min_hours": 0.0, "batch_seconds": 3.0,
            "max_batch_clips": 3, "accumulation": 3, "eval_every_steps": 3,
            "save_every_steps": 100, "log_every_steps": 1, "tune": tune,
            "join": JoinParams(share=0.0, max_s=1.0, max_pause_s=0.0),
            "speed_change": SpeedChangeParams(most=0.0),
        }
    )  # fmt: skip
    utterances = [utterance(str(i), text=TEXTS[i % 6], duration_s=0.5, row=i) for i in range(22)]
    clips = [noise(i) for i in range(22)]
    torch.manual_seed(7 + processes.rank)  # an adapter of its own, were it not for the first's
    own = load_family_params("whisper", "train", WhisperTrainParams, ROOT / "params.yaml")
    tiny = WhisperTrainee(model, processes.device, params, own.model_copy(update={"margin_s": 0.1}))
    batches = []

    def collate(batch):
        batches.append(batch)
        full = event == "out_of_memory" or (kept == "whole" and len(batch.examples) > 1)
        if processes.rank == 1 and len(batches) == 1 and full:
            torch.empty(2**50, dtype=torch.uint8)
        if processes.rank == 1 and len(batches) == 7:
            happen(event)
        indices = [example.pieces[0].index for example in batch.examples]
        seeds = [example.seed for example in batch.examples]
        return tiny.batch([clips[i] for i in indices], [utterances[i] for i in indices],
                          batch.context_s, seeds, zeros=False)  # fmt: skip

    def evaluate_dev():
        mine = range(processes.rank, 6, processes.count)
        heard = tiny.transcribe([clips[i] for i in mine], [utterances[i] for i in mine],
                                0.96, [9 for _ in mine])  # fmt: skip
        pairs = [(utterances[i].text, h.text) for i, h in zip(mine, heard, strict=True)]
        return dev_error(processes.gathered(pairs))

    num_tokens = [tiny.num_labels(u.text, u.language) for u in utterances]
    task = Task(tiny.network, tiny.summed_loss, collate, [0.5] * 22, ["be"] * 22,
                TokenLimit(num_tokens, tiny.max_labels, 30.0), tiny.seconds, evaluate_dev,
                sharded_layers=tiny.layers if kept == "parts" else ())  # fmt: skip
    scratch = folder / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    progress = train(task, params, 1, processes, scratch)
    if processes.first:
        (folder / "progress.json").write_text(json.dumps(asdict(progress)))
        weights = {n: w.data for n, w in tiny.network.named_parameters() if w.requires_grad}
        save_file(weights, folder / "weights.safetensors")


def happen(event: str) -> None:
    if event == "sigterm":
        os.kill(os.getpid(), signal.SIGTERM)
    elif event == "death":
        os.kill(os.getpid(), signal.SIGKILL)


def noise(seed: int):
    return np.random.default_rng(seed).normal(0, 0.1, 8000).astype("float32")


if __name__ == "__main__":
    run(train_tiny)
