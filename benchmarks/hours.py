"""Start-up, loader, memory and disk of training and transcribing, by hours of speech.

    python -m benchmarks.hours [--hours 10 100 300] [--data data] [--base models/base] [--quick]

Each utterance has the audio of a starter clip, and a sentence of its own from random words. The
starter corpora's shards are linked under as many names as the hours need, so disk and page cache
hold one copy: reading is measured as CPU time, not as disk time. Only «cold» reads copies of the
shards that the system has dropped from its cache. Writes ``benchmarks/results/hours.json``.
"""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from asr.core.params import load_family_params, load_params
from asr.families.protocols import family_module
from asr.features.batching import batches_by_length
from asr.features.log_mel import frames_of, log_mel
from asr.training.augmentation.augment import Augmentation
from asr.training.augmentation.examples import Example, Piece, example_waveform
from asr.training.collate import collator
from asr.training.distributed.processes import Processes
from asr.training.loader import Loader
from asr.training.params import TrainParams
from asr.training.plan import TrainingBatch
from asr.utterances.shards import Waveforms
from asr.utterances.utterance import Utterance, read_manifest, write_manifest
from asr.utterances.waveform import SAMPLE_RATE
from benchmarks.measure import measured, timed, write_result
from benchmarks.scoring import sentences

NUM_CLIPS = 4000  # whose loading is timed
NUM_COLD = 2000
ALONE = Processes(0, 1, torch.device("cpu"))


def write_corpus(data: Path, folder: Path, hours: float) -> int:
    """Link the starter shards and write a training set of so many hours; returns its clips."""
    train = read_manifest(data / "manifests/train.jsonl")
    copies = max(1, round(hours * 3600 / sum(one.duration_s for one in train)))
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "manifests").mkdir(parents=True)
    for corpus in {one.corpus for one in train}:
        (folder / "prepared" / corpus).mkdir(parents=True)
        for shard in (data / "prepared" / corpus).iterdir():
            for copy in range(copies):
                link = folder / "prepared" / corpus / f"{copy:05}-{shard.name}"
                link.symlink_to(shard.resolve())
    text = sentences(train[0].language, random.Random(1))
    write_manifest(folder / "manifests/train.jsonl", (
        one.model_copy(update={
            "id": f"{one.id}~{copy}", "text": next(text), "shard": f"{copy:05}-{one.shard}",
        })
        for copy in range(copies) for one in train
    ))  # fmt: skip
    for split in ("dev", "replay"):
        rows = read_manifest(data / f"manifests/{split}.jsonl")
        first = (row.model_copy(update={"shard": f"00000-{row.shard}"}) for row in rows)
        write_manifest(folder / f"manifests/{split}.jsonl", first)
    return copies * len(train)


def starts(work: Path, base: Path) -> dict[str, dict[str, float]]:
    """CPU seconds and memory until the first batch of training, and of transcribing as much."""
    manifests = {name: f"manifests/{name}.jsonl" for name in ("train", "dev", "replay")}
    options = {
        "train": {
            "base": base, "prepared": "prepared", "train-manifest": manifests["train"],
            "replay-manifest": manifests["replay"], "dev-manifest": manifests["dev"],
            "noise": "conf/noise", "out": "tuned", "curves": "curves", "metrics": "train.json",
        },
        "transcribe": {
            "model": base, "prepared": "prepared", "lm": "lm", "train": manifests["train"],
            "dev": manifests["dev"], "manifest": manifests["train"], "out": "out.jsonl",
            "timing": "timing.json", "changes": "changes.json",
        },
    }  # fmt: skip
    found = {}
    for stage, given in options.items():
        words = [word for name, value in given.items() for word in (f"--{name}", str(value))]
        before = _num_bytes(work)
        measured(work, sys.executable, "-m", "benchmarks.first_batch", stage, "r.json", *words)
        result = json.loads((work / "r.json").read_text())
        (work / "r.json").unlink()
        found[stage] = result | {"disk_bytes": _num_bytes(work) - before}
    return found


def _num_bytes(folder: Path) -> int:
    return sum(one.lstat().st_size for one in folder.rglob("*") if one.is_file())


def loader(work: Path, base: Path) -> dict[str, Any]:
    """CPU microseconds of a clip by phase, and clips a second of wall time by threads."""
    torch.set_num_threads(1)
    rng, params = random.Random(1), load_params("train", TrainParams)
    train = read_manifest(work / "manifests/train.jsonl")
    utterances = rng.sample(train, min(NUM_CLIPS, len(train)))
    clips = Waveforms(work / "prepared", utterances)
    own = load_family_params("whisper", "train", family_module("whisper", "training").OwnParams)
    trainee = family_module("whisper", "training").open_trainee(
        base, torch.device("cpu"), params, own
    )
    most = params.speed_change.most
    examples = [
        Example((Piece(index, rng.uniform(1 - most, 1 + most), 0.0),), one.duration_s, index)
        for index, one in enumerate(utterances)
    ]

    def read() -> list[Any]:
        return [clips[index] for index in range(len(clips))]

    def resample() -> list[Any]:
        return [example_waveform(one, waveforms) for one in examples]

    def mel() -> None:
        for batch in batches:
            num_frames = frames_of(batch.context_s)
            log_mel([sounds[i] for i in batch.indices], num_frames, 80)

    def collate() -> None:
        for batch in batches:
            some = [utterances[i] for i in batch.indices]
            waves = [sounds[i] for i in batch.indices]
            trainee.batch(waves, some, batch.context_s, list(batch.indices), zeros=False)

    def us(work: Callable[[], Any]) -> float:
        with timed() as timing:
            work()
        return round(1e6 * timing.cpu_s / len(clips), 1)

    us(read)  # also checks the hashes of the samples
    found = {"read and decompress": us(read)}
    waveforms = read()
    found["change the speed"] = us(resample)
    sounds = resample()
    durations = [len(sound) / SAMPLE_RATE for sound in sounds]
    batches = batches_by_length(durations, trainee.seconds, params.batch_seconds)
    found["log-mel"] = us(mel)
    found["tokens and the rest of a batch"] = round(us(collate) - found["log-mel"], 1)
    training = [TrainingBatch([examples[i] for i in batch.indices], batch.context_s, batch.zeros)
                for batch in batches]  # fmt: skip
    augment = Augmentation(params.augment, Path("conf/noise"))
    with collator(trainee, clips, utterances, params, augment) as build:
        clips_per_s = {}
        for num_threads in (1, 2):
            with Loader(build, num_threads) as threads, timed() as timing:
                threads.load(training)
            clips_per_s[num_threads] = round(len(clips) / timing.wall_s)
    mean_s = round(sum(map(len, waveforms)) / SAMPLE_RATE / len(clips), 2)
    return {"us": found, "clips_per_s": clips_per_s, "mean_s": mean_s}


def cold(data: Path, folder: Path, copies: int) -> dict[str, float]:
    """Milliseconds of wall time to read a random clip that only the disk has."""
    train = read_manifest(data / "manifests/train.jsonl")
    used: list[Utterance] = []
    for copy in range(copies):
        for corpus in {one.corpus for one in train}:
            for shard in (data / "prepared" / corpus).iterdir():
                target = folder / "cold" / corpus / f"{copy:05}-{shard.name}"
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(shard, target)
                with target.open("rb") as file:
                    os.fsync(file.fileno())
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        used += [
            one.model_copy(update={"shard": f"{copy:05}-{one.shard}"}) for one in train
        ]  # fmt: skip
    chosen = random.Random(1).sample(used, min(NUM_COLD, len(used)))
    clips = Waveforms(folder / "cold", chosen)
    started = time.perf_counter()
    for index in range(len(chosen)):
        clips[index]
    milliseconds = 1000 * (time.perf_counter() - started) / len(chosen)
    shutil.rmtree(folder / "cold")
    return {"ms_a_clip": round(milliseconds, 3), "gb": round(copies * 0.041, 1)}


def main() -> None:
    """Measure each size; write and print the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, nargs="+", default=[10, 100, 300])
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--base", type=Path, default=Path("models/base"))
    parser.add_argument("--quick", action="store_true", help="write no result")
    given = parser.parse_args()
    base, result = given.base.resolve(), {}
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        for hours in given.hours:
            num = write_corpus(given.data, work / "corpus", hours)
            for name in ("asr", "stages", "benchmarks", "conf", "params.yaml"):
                (work / "corpus" / name).symlink_to(Path(name).resolve())
            result[f"{hours:g}"] = {"clips": num, **starts(work / "corpus", base)}
            print(hours, result[f"{hours:g}"], flush=True)
        rates = loader(work / "corpus", base)
        cold_reads = cold(given.data, work, 2 if given.quick else 20)
    write_result(
        "hours", {"hours": result, "loader": rates, "cold": cold_reads}, keep=not given.quick
    )


if __name__ == "__main__":
    main()
