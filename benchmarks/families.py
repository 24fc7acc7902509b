"""Speed, memory and share of the matrix peak of every family, for a clip's own length and 30 s.

``python -m benchmarks.families --device cuda --precision bf16`` measures real sizes on a GPU;
``--device cpu --precision fp32 --quick`` the smallest models, in a minute. Weights are random and
the clips are noise, with the lengths of Common Voice and a letter for each 70 ms: speed depends on
sizes and lengths alone. Greedy search decodes as many tokens as a clip's text has. The peak is the
best rate of a product of square matrices on the same device, in the same precision.
"""

import argparse
import random
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from asr.core.params import load_block, load_family_params, load_params
from asr.decoding.params import DecodeParams
from asr.devices.device import use_machine
from asr.devices.params import MachineParams
from asr.families.protocols import Trainee, family_module
from asr.features.batching import batches_by_length
from asr.sources.weights import Random, fetch_block
from asr.training.augmentation.examples import TokenLimit
from asr.training.distributed.processes import Processes
from asr.training.params import TrainParams
from asr.training.plan import TrainingBatch, plan_steps
from asr.training.task import Task
from asr.training.update import Updater
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import SAMPLE_RATE, Waveform
from benchmarks.corpora import LENGTHS
from benchmarks.measure import peak_mb, reset_peak, write_result

MODELS = Path("conf/models.yaml")
LETTER_S = 0.07
FULL_S = 30.0  # what other tools compute for each clip
DECODING = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


@dataclass(frozen=True)
class Shape:
    """A model to measure.

    Attributes:
        family: its family.
        name: a block of ``conf/models.yaml``; of kind random, or with ``configs`` in its place.
        tune: ``train.tune``.
        configs: by field of the block, the sizes of random weights; empty for those of the block.
    """

    family: str
    name: str
    tune: str
    configs: dict[str, dict[str, Any]]


def whisper(width: int, layers: int, heads: int) -> dict[str, dict[str, Any]]:
    """The sizes of a Whisper, as encoder and decoder have them alike."""
    sizes = {"d_model": width, "encoder_layers": layers, "decoder_layers": layers}
    return {"weights": {**sizes, "num_heads": heads}}


REAL = {
    "Whisper-small": Shape("whisper", "random", "full", whisper(768, 12, 12)),
    "Whisper-large": Shape("whisper", "random", "full", whisper(1280, 32, 20)),
    # Byte tokenizers: a text has two to three times the tokens of the real models.
    "Qwen3-ASR-1.7B": Shape(
        "qwen3_asr",
        "tiny",
        "lora",
        {
            "weights": {
                "audio_width": 1024,
                "audio_layers": 24,
                "audio_heads": 16,
                "channels": 480,
                "width": 2048,
                "layers": 28,
                "heads": 16,
                "vocab_size": 151936,
            }
        },
    ),
    "Whisper-large's encoder and SmolLM2-1.7B": Shape(
        "speech_llm",
        "tiny",
        "lora",
        {
            "encoder": {"d_model": 1280, "layers": 32, "num_heads": 20},
            "language_model": {"width": 2048, "layers": 24, "num_heads": 32},
        },
    ),
}
TINY = {
    "Whisper": Shape("whisper", "random", "full", {}),
    "Qwen3-ASR": Shape("qwen3_asr", "tiny", "lora", {}),
    "speech_llm": Shape("speech_llm", "tiny", "lora", {}),
}


def write_base(shape: Shape, folder: Path) -> None:
    """Make a model of random weights, as the stage ``base`` does."""
    role = family_module(shape.family, "base")
    block = load_block(MODELS, (shape.family, shape.name), role.Block)
    sizes = {
        field: Random(kind="random", config=config, seed=1)
        for field, config in shape.configs.items()
    }
    scratch = folder.parent / f"{folder.name}-weights"
    for new in (scratch, folder):
        new.mkdir()
    block = block.model_copy(update=sizes)
    role.bring_base(block, fetch_block(block, scratch), folder)


def noise_clips(count: int, *, padded: bool) -> tuple[list[Waveform], list[Utterance]]:
    """Noise of the lengths of Common Voice, each clip with a text of random letters.

    ``padded``: with silence to 30 s, as other tools do.
    """
    rng = random.Random(1)
    waveforms, utterances = [], []
    for number in range(count):
        duration_s = LENGTHS["cv"](rng)
        samples = np.random.default_rng(number).normal(0, 0.1, int(duration_s * SAMPLE_RATE))
        silence = int(FULL_S * SAMPLE_RATE) - len(samples) if padded else 0
        waveforms.append(np.pad(samples.astype(np.float32), (0, silence)))
        letters = [rng.choice("абвгдежзіклмнопрстуф ") for _ in range(int(duration_s / LETTER_S))]
        utterances.append(
            Utterance(
                id=f"noise/{number}", corpus="noise", text="".join(letters).strip() or "а",
                duration_s=len(waveforms[-1]) / SAMPLE_RATE, language="be",
                speaker_id=None, session_id=None, license="CC0-1.0", source="noise",
                sha256="0" * 64, attributes={}, shard="00000.parquet", row=number,
            )
        )  # fmt: skip
    return waveforms, utterances


def peak_flops(device: torch.device, dtype: torch.dtype) -> float:
    """Best rate of a product of square matrices, in FLOP a second."""
    best = 0.0
    for size in (1024, 4096, 8192) if device.type == "cuda" else (512, 1024):
        left, right = (torch.rand(size, size, device=device, dtype=dtype) for _ in range(2))
        for _ in range(10):
            best = max(best, 2 * size**3 / seconds_of(lambda: torch.mm(left, right), device))  # noqa: B023
    return best


def seconds_of(work: Callable[[], Any], device: torch.device) -> float:
    """Wall-clock seconds until the device has done the work."""
    synchronize(device)
    started = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - started


def synchronize(device: torch.device) -> None:
    """Wait for a GPU; a CPU does its work at once."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def memory_mb(device: torch.device) -> int:
    """Most memory since ``reset_memory``: of the GPU, or of this process on a CPU."""
    return torch.cuda.max_memory_allocated() // 2**20 if device.type == "cuda" else peak_mb()


def reset_memory(device: torch.device) -> None:
    """Start ``memory_mb`` anew."""
    reset_peak()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()


def steps_of(
    trainee: Trainee,
    waveforms: Sequence[Waveform],
    utterances: Sequence[Utterance],
    params: TrainParams,
) -> tuple[Task, list[list[TrainingBatch]]]:
    """One epoch over the clips."""

    def collate(batch: TrainingBatch) -> Any:
        indices = [example.pieces[0].index for example in batch.examples]
        return trainee.batch([waveforms[i] for i in indices], [utterances[i] for i in indices],
                             batch.context_s, indices, zeros=False)  # fmt: skip

    labels = [trainee.num_labels(one.text, one.language) for one in utterances]
    task = Task(
        trainee.network, trainee.summed_loss, collate, [one.duration_s for one in utterances],
        ["noise"] * len(utterances), TokenLimit(labels, trainee.max_labels, FULL_S),
        trainee.seconds, lambda: None,  # type: ignore[arg-type, return-value]
    )  # fmt: skip
    planned = plan_steps(
        task.durations_s, task.groups, task.token_limit, task.seconds, None, params, seed=1
    )
    return task, [batches for _, batches in planned]


def train_speed(
    trainee: Trainee, count: int, params: TrainParams, device: torch.device, *, padded: bool
) -> dict[str, float]:
    """Clips a second, TFLOP a second and memory of an epoch, after one to warm up."""
    task, steps = steps_of(trainee, *noise_clips(count, padded=padded), params)
    with TemporaryDirectory() as folder:
        updater = Updater(task, params, Processes(0, 1, device), Path(folder) / "limits.json")

        def epoch() -> None:
            for batches in steps:
                updater.step(batches, dict.fromkeys(updater.groups.values(), params.lr))

        with FlopCounterMode(display=False) as counter:
            epoch()
        reset_memory(device)
        spent_s = seconds_of(epoch, device)
    return {
        "clips_a_s": round(count / spent_s, 2),
        "tflop_a_s": counter.get_total_flops() / spent_s / 1e12,
        "memory_mb": memory_mb(device),
    }


def decoding_speed(
    shape: Shape, base: Path, count: int, machine: MachineParams, precision: str, *, padded: bool
) -> dict[str, float]:
    """Clips a second and memory of greedy search with the model in ``base``."""
    role = family_module(shape.family, "decoding")
    own = load_family_params(shape.family, "decode", role.OwnParams)
    decode = load_params("decode", DecodeParams).model_copy(
        update={"num_beams": 1, "precision": DECODING[precision]}
    )
    engine = role.open_engine(base, machine, decode, own)
    tokens = family_module(shape.family, "tokens").open_tokens(base)
    seconds = role.computed_seconds(base, own).first
    waveforms, utterances = noise_clips(count, padded=padded)
    batch_s = 60.0 if engine.device == "cpu" else 2000.0
    batches = batches_by_length([one.duration_s for one in utterances], seconds, batch_s)
    budgets = [tokens.num_labels(one.text, one.language) + 1 for one in utterances]

    def run() -> None:
        for batch in batches:
            engine.transcribe(
                [waveforms[i] for i in batch.indices], [utterances[i] for i in batch.indices],
                batch.context_s, [budgets[i] for i in batch.indices],
            )  # fmt: skip

    device = torch.device(engine.device)
    reset_memory(device)
    spent_s = seconds_of(run, device)
    return {"clips_a_s": round(count / spent_s, 2), "memory_mb": memory_mb(device)}


def measure(
    shape: Shape, count: int, machine: MachineParams, precision: str, peak: float
) -> dict[str, Any]:
    """Training and decoding of one model, with a clip's own length and with 30 s."""
    device = use_machine(machine)
    batch_s = 3000.0 if device.type == "cuda" else 120.0
    params = load_params("train", TrainParams).model_copy(
        update={"tune": shape.tune, "precision": precision, "num_epochs": 1, "min_hours": 0.0,
                "max_steps": 0, "batch_seconds": batch_s, "max_batch_clips": 256}
    )  # fmt: skip
    role = family_module(shape.family, "training")
    own = load_family_params(shape.family, "train", role.OwnParams)
    result: dict[str, Any] = {"family": shape.family, "tune": shape.tune}
    with ExitStack() as stack:
        base = Path(stack.enter_context(TemporaryDirectory())) / "base"
        write_base(shape, base)
        for name, padded in (("own length", False), ("30 s", True)):
            trainee = role.open_trainee(base, device, params, own)
            weights = list(trainee.network.parameters())
            result["million_weights"] = round(sum(w.numel() for w in weights) / 1e6, 1)
            learning = sum(w.numel() for w in weights if w.requires_grad)
            result["trainable_share"] = round(learning / sum(w.numel() for w in weights), 4)
            trained = train_speed(trainee, count, params, device, padded=padded)
            trained["share_of_peak"] = round(trained.pop("tflop_a_s") * 1e12 / peak, 3)
            del trainee
            decoded = decoding_speed(shape, base, count, machine, precision, padded=padded)
            result[name] = {"training": trained, "decoding": decoded}
    return result


def run(device: str, precision: str, *, quick: bool) -> dict[str, Any]:
    """Measure all models; ``quick``: the smallest ones on a few clips."""
    machine = load_params("machine", MachineParams).model_copy(update={"device": device})
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    peak = peak_flops(use_machine(machine), dtype)
    shapes, count = (TINY, 4) if quick else (REAL, 256)
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
        "precision": precision,
        "peak_tflop_a_s": round(peak / 1e12, 3),
        "models": {
            name: measure(shape, count, machine, precision, peak) for name, shape in shapes.items()
        },
    }


def main() -> None:
    """Measure, print and write ``benchmarks/results/families_<device>.json``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--precision", choices=list(DECODING), default="bf16")
    parser.add_argument("--quick", action="store_true", help="the smallest models; writes nothing")
    options = parser.parse_args()
    result = run(options.device, options.precision, quick=options.quick)
    write_result(f"families_{options.device}", result, keep=not options.quick)


if __name__ == "__main__":
    main()
