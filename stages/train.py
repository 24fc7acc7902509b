"""Tune the base model on train and keep the weights that read dev best."""

import sys
from pathlib import Path

from asr.augment import Augmentation
from asr.cli import run
from asr.collating import collator
from asr.context import write_margin
from asr.curves import write_curve
from asr.dev_reader import dev_reader
from asr.device import use_machine
from asr.errors import InputError
from asr.families import family_module
from asr.files import fingerprint, whole_folder
from asr.gpu_claim import claim_gpus
from asr.launch import launch
from asr.manifest import read_manifest
from asr.params import load_params, load_seed
from asr.processes import join_processes, launched
from asr.run_keeping import kept_run
from asr.schemas.machine import Params as MachineParams
from asr.schemas.model import Params as ModelParams
from asr.schemas.operations import Params as OperationsParams
from asr.schemas.train import Params as TrainParams
from asr.shards import Waveforms
from asr.task import Task
from asr.training import DEV_COLUMNS, TRAIN_COLUMNS, train
from asr.written import written

CODE = (Path("asr"), Path("stages/train.py"))


def train_stage(
    base: Path, prepared: Path, train_manifest: Path, dev_manifest: Path, noise: Path,
    out: Path, curves: Path,
) -> None:  # fmt: skip
    """Tune the base model on train and keep the weights that read dev best."""
    params = load_params("train", TrainParams)
    machine = load_params("machine", MachineParams)
    operations = load_params("operations", OperationsParams)
    if machine.shard_weights and params.precision == "fp16":
        raise InputError("machine.shard_weights: expected train.precision fp32 or bf16, got fp16")
    if machine.num_processes > 1 and not launched():
        if machine.device in ("auto", "cuda"):
            claim_gpus(machine.num_processes)
        launch("stages.train", sys.argv[1:], machine.num_processes)
        return
    model = load_params("model", ModelParams)
    family = model.family
    seed = load_seed()
    processes = join_processes(use_machine(machine), machine.num_processes)

    # The manifests hold the hash of every clip's samples, so they stand for the audio too.
    sections = {"train": params, "machine": machine, "model": model}
    facts = {name: section.model_dump() for name, section in sections.items()} | {"seed": seed}
    key = fingerprint(facts, _files(train_manifest, dev_manifest, base, noise, *CODE))

    tuning = family_module(family, "tuning")
    tuned = family_module(family, "model").load(base, processes.device)
    tuning.make_trainable(tuned, params)
    utterances = written(read_manifest(train_manifest), params.text)
    dev = written(read_manifest(dev_manifest), params.text)
    waveforms = Waveforms(prepared, utterances)
    batch_module = family_module(family, "batch")
    augmented = Augmentation(params.augment, noise)
    with (
        kept_run(key, facts, operations, processes) as (scratch, watch),
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
            in_parts=tuning.layers(tuned) if machine.shard_weights else (),
        )
        progress = train(task, params, seed, processes, scratch, watch)
        if not processes.first:
            return
        tuning.merge_adapter(tuned)
        with whole_folder(out) as beside:
            family_module(family, "saving").save(tuned.network, tuned.processor, beside)
            write_margin(beside, params.margin_s)
        write_curve(curves / "train.csv", TRAIN_COLUMNS, progress.train_rows)
        write_curve(curves / "dev.csv", DEV_COLUMNS, progress.dev_rows)


def _files(*places: Path) -> list[Path]:
    found = [path for place in places for path in (place, *place.rglob("*")) if path.is_file()]
    return [path for path in found if path.suffix != ".pyc"]


if __name__ == "__main__":
    run(train_stage)
