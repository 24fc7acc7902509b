"""Tune the base model on train and keep the weights that read dev best."""

import sys
from pathlib import Path

from asr.augment import Augmentation
from asr.checkpoint import fingerprint, scratch_folder
from asr.cli import run
from asr.collating import collator
from asr.context import write_margin
from asr.curves import write_curve
from asr.dev_reader import dev_reader
from asr.device import use_machine
from asr.families import family_module
from asr.files import whole_folder
from asr.launch import launch
from asr.manifest import read_manifest
from asr.params import load_params, load_seed
from asr.processes import join_processes, launched
from asr.schemas.machine import Params as MachineParams
from asr.schemas.model import Params as ModelParams
from asr.schemas.train import Params as TrainParams
from asr.shards import Waveforms
from asr.task import Task
from asr.training import DEV_COLUMNS, TRAIN_COLUMNS, train
from asr.written import written

CODE = ("asr", "stages/train.py")


def train_stage(
    base: Path, prepared: Path, train_manifest: Path, dev_manifest: Path, noise: Path,
    out: Path, curves: Path,
) -> None:  # fmt: skip
    """Tune the base model on train and keep the weights that read dev best."""
    params = load_params("train", TrainParams)
    machine = load_params("machine", MachineParams)
    if machine.num_processes > 1 and not launched():
        launch("stages.train", sys.argv[1:], machine.num_processes)
        return
    family = load_params("model", ModelParams).family
    seed = load_seed()
    processes = join_processes(use_machine(machine), machine.num_processes)

    # The manifests hold the hash of every clip's samples, so they stand for the audio too.
    facts = {"train": params.model_dump(), "machine": machine.model_dump(), "seed": seed}
    key = fingerprint(
        facts, [train_manifest, dev_manifest, *_files(base), *_files(noise), *_code()]
    )

    tuning = family_module(family, "tuning")
    tuned = family_module(family, "model").load(base, processes.device)
    tuning.make_trainable(tuned, params)
    utterances = written(read_manifest(train_manifest), params.text)
    dev = written(read_manifest(dev_manifest), params.text)
    waveforms = Waveforms(prepared, utterances)
    batch_module = family_module(family, "batch")
    augmented = Augmentation(params.augment, noise)
    with (
        scratch_folder("train", key, owned=processes.first) as scratch,
        collator(tuned, family, waveforms, utterances, params, augmented, processes) as collate,
    ):
        task = Task(
            network=tuned.network,
            summed_loss=batch_module.SummedLoss(tuned),
            collate=collate,
            durations_s=[utterance.duration_s for utterance in utterances],
            groups=[(utterance.corpus, utterance.language) for utterance in utterances],
            room=batch_module.token_room(tuned, utterances),
            read_dev=dev_reader(tuned, family, prepared, dev, params, processes),
        )
        progress = train(task, params, seed, processes, scratch)
        if not processes.first:
            return
        tuning.merge_adapter(tuned)
        with whole_folder(out) as beside:
            family_module(family, "saving").save(tuned.network, tuned.processor, beside)
            write_margin(beside, params.margin_s)
        write_curve(curves / "train.csv", TRAIN_COLUMNS, progress.train_rows)
        write_curve(curves / "dev.csv", DEV_COLUMNS, progress.dev_rows)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _code() -> list[Path]:
    return [path for place in CODE for path in (Path(place), *Path(place).rglob("*.py"))
            if path.is_file()]  # fmt: skip


if __name__ == "__main__":
    run(train_stage)
