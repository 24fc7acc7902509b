"""How far a plan is off: predicted time and memory of training steps against measured ones.

``python -m benchmarks.planning`` trains models of random weights on clips of the starter corpora
for some steps, with the code of the stage, each configuration in a process of its own on one
thread; its memory is measured in another one, in which the allocator keeps nothing that is freed.
A plan of the same steps is made by the code of ``commands.plan``. The first of each family
calibrates: its measured time over the computed one is the family's ``time_factor``.
The errors are those of the others. ``--quick`` takes one step and prints.
"""

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import torch

from asr.core.params import load_family_params, load_params
from asr.devices.device import use_machine
from asr.devices.params import MachineParams
from asr.families.protocols import MakesVocabulary, family_module
from asr.planning.clips import PlannedClips
from asr.planning.devices import (
    Device,
    MemoryParams,
    Tflops,
    bandwidth_gb_s,
    operation_us,
    peak_gflops,
)
from asr.planning.memory import memory_parts
from asr.planning.planned_run import Configuration, PlannedRun
from asr.planning.sized_model import sized_model
from asr.training.augmentation.augment import Augmentation
from asr.training.collate import collator
from asr.training.dev import DevError, dev_evaluator
from asr.training.distributed.processes import Processes
from asr.training.loop import Run
from asr.training.params import TrainParams
from asr.training.plan import plan_steps
from asr.training.target_text import target_texts
from asr.training.task import task_of
from asr.utterances.shards import Waveforms
from asr.utterances.utterance import Utterance, read_manifest
from benchmarks.measure import memory_mb, peak_mb, reset_peak, write_result

MANIFEST, PREPARED = Path("data/manifests/train.jsonl"), Path("data/prepared")
NUM_CLIPS, NUM_STEPS, NUM_DEV = 240, 6, 16
ALONE = MachineParams(device="cpu", num_threads=1, num_processes=1, shard_weights=False)
NO_CUDA = MemoryParams(context_gb=0.0, allocator_share=0.0)
SEED = 1
# glibc gives freed tensors back at once, and costs time. Else it keeps up to as much as is alive.
FREEING = {
    "MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536",
}  # fmt: skip

WHISPER = {"d_model": 256, "encoder_layers": 4, "decoder_layers": 4, "num_heads": 4}
QWEN3 = {"audio_width": 256, "audio_layers": 4, "audio_heads": 4, "channels": 64, "width": 256,
         "layers": 6, "heads": 4, "vocab_size": 8192}  # fmt: skip
CTC = {"kind": "whisper", "width": 256, "layers": 6, "num_heads": 4}
WAV2VEC2 = {**CTC, "kind": "wav2vec2", "layers": 4}
ENCODER = {"d_model": 256, "layers": 4, "num_heads": 4}
LANGUAGE_MODEL = {"width": 256, "layers": 6, "num_heads": 4}


@dataclass(frozen=True)
class Trial:
    """A configuration to measure.

    Attributes:
        family: its family.
        weights: ``config`` of random weights, by field of the family's block.
        train: values of section ``train``.
    """

    family: str
    weights: Mapping[str, Mapping[str, Any]]
    train: Mapping[str, Any] = field(default_factory=dict)


def _wider(config: Mapping[str, Any]) -> dict[str, Any]:
    """The same one and a half times as wide."""
    wide = ("d_model", "width", "audio_width")
    return {key: value * 3 // 2 if key in wide else value for key, value in config.items()}


LLM = {"encoder": ENCODER, "language_model": LANGUAGE_MODEL}
SAVING = {"gradient_checkpointing": True}
TRIALS = [  # the first of each family calibrates
    Trial("whisper", {"weights": WHISPER}),
    Trial("whisper", {"weights": WHISPER}, {"tune": "frozen_encoder", "batch_seconds": 48.0}),
    Trial("whisper", {"weights": WHISPER}, {"tune": "lora"}),
    Trial("whisper", {"weights": _wider(WHISPER)}, {"accumulation": 2, "batch_seconds": 24.0}),
    Trial("whisper", {"weights": WHISPER}, SAVING),
    Trial("ctc", {"weights": CTC}),
    Trial("ctc", {"weights": CTC}, {"tune": "frozen_encoder", "batch_seconds": 48.0}),
    Trial("ctc", {"weights": _wider(CTC)}, {"tune": "lora"}),
    Trial("ctc", {"weights": WAV2VEC2}, {"batch_seconds": 24.0}),
    Trial("qwen3_asr", {"weights": QWEN3}),
    Trial("qwen3_asr", {"weights": QWEN3}, {"tune": "lora"}),
    Trial("qwen3_asr", {"weights": _wider(QWEN3)}, {"batch_seconds": 24.0}),
    Trial("qwen3_asr", {"weights": QWEN3}, SAVING),
    Trial("speech_llm", LLM),
    Trial("speech_llm", LLM, {"tune": "projector"}),
    Trial("speech_llm", LLM, {"tune": "lora", "batch_seconds": 48.0}),
    Trial("speech_llm", {name: _wider(one) for name, one in LLM.items()}, {"accumulation": 2}),
]  # fmt: skip


def block_of(trial: Trial) -> Any:
    """The block of conf/models.yaml that makes the trial's model."""
    values: dict[str, Any] = {
        name: {"kind": "random", "config": dict(config), "seed": SEED}
        for name, config in trial.weights.items()
    }
    if trial.family == "ctc":
        whisper = trial.weights["weights"]["kind"] == "whisper"
        values |= {"num_pieces": 0, "margin_s": 0.2 if whisper else 0.0, "seed": SEED}
    if trial.family == "speech_llm":
        values |= {"stack": 5, "width": 512, "margin_s": 0.5, "seed": SEED}
    return family_module(trial.family, "base").Block.model_validate(values)


def config_of(trial: Trial) -> Configuration:
    """Params of a trial: those of params.yaml, with its values."""
    read = load_params("train", TrainParams)
    once = {"phases": [], "num_epochs": 1, "min_hours": 0.0, "max_steps": 0, **trial.train}
    role = family_module(trial.family, "training")
    own = load_family_params(trial.family, "train", role.OwnParams)
    return Configuration(trial.family, "random", read.model_copy(update=once), own, SEED, ALONE)


def clips_of(count: int) -> tuple[PlannedClips, list[Utterance]]:
    """Clips of the starter corpora, and others as dev."""
    utterances = read_manifest(MANIFEST)
    train, dev = utterances[: 4 * count : 4], utterances[1 : 4 * NUM_DEV : 4]
    seconds = sum(one.duration_s for one in train)
    return PlannedClips(train, 0, dev, 1.0, seconds, seconds, "starter"), dev


def rates() -> dict[str, float]:
    """Of one thread, by its CPU time."""
    clock = time.process_time
    return {
        "gflops": peak_gflops(clock),
        "bandwidth_gb_s": bandwidth_gb_s(clock),
        "operation_us": operation_us(clock),
    }


def measure(trial: Trial, cpu: Mapping[str, float], num_steps: int) -> dict[str, Any]:
    """Train for some steps, and plan the same steps."""
    config, block = config_of(trial), block_of(trial)
    clips, dev = clips_of(NUM_CLIPS)
    with sized_model(trial.family, block) as model:
        found = trained(config, model.folder, clips, dev, num_steps)
        run = PlannedRun(config, model, clips)
        run.steps = run.steps[1 : num_steps + 1]  # those that are measured
        run.num_steps = len(run.steps)
        cost = run.cost()
    parts = memory_parts(
        cost.weights, cost.work.peak_bytes, NO_CUDA, ALONE, accumulates=run.accumulates
    )
    rate = cpu["gflops"] / 1e3
    device = Device(
        memory_gb=1.0, tflops=Tflops(fp32=rate, bf16=rate, fp16=rate), share_of_peak=1.0,
        price=None,
        bandwidth_gb_s=cpu["bandwidth_gb_s"], operation_us=cpu["operation_us"],
    )  # fmt: skip
    return {
        **found,
        "family": trial.family,
        "weights_m": round(cost.weights.whole / 4e6, 1),
        "changes": dict(trial.train),
        "wider": any(
            one.get("d_model", one.get("width", 0)) > 256 for one in trial.weights.values()
        ),
        "kind": trial.weights.get("weights", {}).get("kind", ""),
        "computed_s": device.seconds(cost.work, "fp32") / run.num_steps,
        "predicted_mb": sum(parts.values()) / 2**20,
    }


def trained(
    config: Configuration, base: Path, clips: PlannedClips, dev: list[Utterance], num_steps: int
) -> dict[str, float]:
    """CPU seconds of a step and of a dev clip, and memory above that of the empty process."""
    role = family_module(config.family, "training")
    import peft  # noqa: F401  # LoRA imports it; its 50 MB are no tensors

    gc.collect()  # the model that was made
    before = memory_mb("self", "VmRSS") or 0
    cpu, alone = torch.device("cpu"), Processes(0, 1, torch.device("cpu"))
    trainee = role.open_trainee(base, cpu, config.train, config.own)
    utterances = target_texts(clips.train, config.train.text)
    if isinstance(trainee, MakesVocabulary):
        trainee.make_vocabulary(utterances, utterances[:0])
    waveforms = Waveforms(PREPARED, utterances)
    augment = Augmentation(config.train.augment, Path("conf/noise"))
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        collate = stack.enter_context(
            collator(trainee, waveforms, utterances, config.train, augment)
        )
        task = task_of(
            trainee, utterances, family_module(config.family, "window").MAX_DURATION_S, collate,
            lambda: DevError(0.0, 0.0), num_replay=0, shard_weights=False,
            num_labels=[trainee.num_labels(one.text, one.language) for one in utterances],
        )  # fmt: skip
        steps = plan_steps(
            task.durations_s, task.groups, task.token_limit, task.seconds, task.long_context,
            config.train, config.seed,
        )[: num_steps + 1]  # fmt: skip
        run = Run(task, config.train, alone, scratch / "run")
        spent, trained_s = 0.0, 0.0
        for number, (_, batches) in enumerate(steps):
            start = time.process_time()
            run.updater.step(batches, dict.fromkeys(run.updater.groups.values(), config.train.lr))
            run.average(number)
            if number == 0:  # it warms up, and makes the moments
                reset_peak()
            else:
                spent += time.process_time() - start
                trained_s += sum(e.duration_s for b in batches for e in b.examples)
        peak = peak_mb() - before
        evaluate_dev = dev_evaluator(trainee, PREPARED, dev, config.train, alone)
        trainee.network.eval()
        start = time.process_time()
        evaluate_dev()
        dev_s = (time.process_time() - start) / sum(one.duration_s for one in dev)
    return {
        "measured_s": spent / max(1, len(steps) - 1),
        "measured_mb": peak,
        "dev_over_train": dev_s / (spent / trained_s),
    }


def evaluated(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Calibrate with the first row of each family, and compare the others."""
    calibration: dict[str, dict[str, float]] = {}
    compared = []
    for row in rows:
        if row["family"] not in calibration:
            calibration[row["family"]] = {
                "time_factor": round(row["measured_s"] / row["computed_s"], 2),
                "dev_clip": round(row["dev_over_train"], 2),
            }
            continue
        predicted_s = row["computed_s"] * calibration[row["family"]]["time_factor"]
        compared.append(
            {
                **{key: row[key] for key in ("family", "kind", "weights_m", "changes", "wider")},
                "predicted_s": round(predicted_s, 3),
                "measured_s": round(row["measured_s"], 3),
                "predicted_mb": round(row["predicted_mb"]),
                "measured_mb": round(row["measured_mb"]),
                "time_error": round(predicted_s / row["measured_s"] - 1, 3),
                "memory_error": round(row["predicted_mb"] / row["measured_mb"] - 1, 3),
            }
        )
    return {
        "calibration": calibration,
        "rows": compared,
        "errors": {
            kind: {
                "median": round(median(abs(row[f"{kind}_error"]) for row in compared), 3),
                "worst": max((row[f"{kind}_error"] for row in compared), key=abs),
            }
            for kind in ("time", "memory")
        },
    }


def _last_line(command: Sequence[str], environment: Mapping[str, str]) -> dict[str, Any]:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True,
                          env={**os.environ, **environment})  # fmt: skip
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def main() -> None:
    """Measure, print and write ``benchmarks/results/planning.json``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trial", type=int, help="one of them; prints its row")
    parser.add_argument("--rates", help="JSON of this CPU's rates, for --trial")
    parser.add_argument("--quick", action="store_true", help="one step; prints, writes nothing")
    options = parser.parse_args()
    use_machine(ALONE)
    num_steps = 1 if options.quick else NUM_STEPS
    if options.trial is not None:
        print(json.dumps(measure(TRIALS[options.trial], json.loads(options.rates), num_steps)))
        return
    cpu, rows = rates(), []
    for number, trial in enumerate(TRIALS):
        command = [sys.executable, "-m", "benchmarks.planning", f"--trial={number}",
                   f"--rates={json.dumps(cpu)}", *["--quick"] * options.quick]  # fmt: skip
        timed, held = (_last_line(command, environment) for environment in ({}, FREEING))
        rows.append({**timed, "measured_mb": held["measured_mb"]})
        print(trial.family, trial.train, rows[-1], flush=True)
    rounded = {name: round(value, 2) for name, value in cpu.items()}
    write_result("planning", {"rates": rounded, **evaluated(rows)}, keep=not options.quick)


if __name__ == "__main__":
    main()
