"""Tune the base model on train and keep the weights that read dev best."""

import sys
from pathlib import Path

from asr.core.cli import run
from asr.core.errors import InputError
from asr.core.files import fingerprint, whole_folder
from asr.core.params import load_params, load_seed
from asr.devices.device import use_machine
from asr.devices.gpu_claim import claim_gpus
from asr.devices.params import MachineParams
from asr.families import family_module
from asr.families.params import ModelParams
from asr.features.context import write_margin
from asr.training.augmentation.augment import Augmentation
from asr.training.collate import collator
from asr.training.dev import dev_reader
from asr.training.distributed.launch import launch
from asr.training.distributed.processes import join_processes, launched
from asr.training.loop import DEV_COLUMNS, TRAIN_COLUMNS, train
from asr.training.operations import OperationsParams
from asr.training.params import TrainParams
from asr.training.state.keeping import kept_run
from asr.training.state.log import write_curve
from asr.training.target_text import written
from asr.training.trainee import Task
from asr.utterances.shards import Waveforms
from asr.utterances.utterance import read_manifest

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

    tuning = family_module(family, "training.tuning")
    tuned = family_module(family, "model.model").load(base, processes.device)
    tuning.make_trainable(tuned, params)
    utterances = written(read_manifest(train_manifest), params.text)
    dev = written(read_manifest(dev_manifest), params.text)
    waveforms = Waveforms(prepared, utterances)
    batch_module = family_module(family, "training.loss")
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
            family_module(family, "model.model").save(tuned.network, tuned.processor, beside)
            write_margin(beside, params.margin_s)
        write_curve(curves / "train.csv", TRAIN_COLUMNS, progress.train_rows)
        write_curve(curves / "dev.csv", DEV_COLUMNS, progress.dev_rows)


def _files(*places: Path) -> list[Path]:
    found = [path for place in places for path in (place, *place.rglob("*")) if path.is_file()]
    return [path for path in found if path.suffix != ".pyc"]


if __name__ == "__main__":
    run(train_stage)
