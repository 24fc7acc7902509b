"""Tune the base model on train and keep the weights that read dev best."""

from pathlib import Path
from typing import Any

from asr.checkpoint import fingerprint, scratch_folder
from asr.checkpoint_mirror import mirrored
from asr.cli import run
from asr.context import write_margin
from asr.curves import write_curve
from asr.dev_reader import dev_reader
from asr.device import use_machine
from asr.examples import heard, said
from asr.families import family_module
from asr.files import whole_folder
from asr.manifest import read_manifest
from asr.params import load_params, load_seed
from asr.schemas.machine import Params as MachineParams
from asr.schemas.model import Params as ModelParams
from asr.schemas.operations import Params as OperationsParams
from asr.schemas.train import Params as TrainParams
from asr.shards import Waveforms
from asr.steps import TrainingBatch
from asr.training import DEV_COLUMNS, TRAIN_COLUMNS, Task, train
from asr.training_log import training_log

CODE = ("asr", "stages/train.py")


def train_stage(
    base: Path, prepared: Path, train_manifest: Path, dev_manifest: Path, out: Path, curves: Path
) -> None:
    """Tune the base model on train and keep the weights that read dev best."""
    params = load_params("train", TrainParams)
    machine = load_params("machine", MachineParams)
    operations = load_params("operations", OperationsParams)
    model = load_params("model", ModelParams)
    family = model.family
    seed = load_seed()
    device = use_machine(machine)

    # The manifests hold the hash of every clip's samples, so they stand for the audio too.
    sections = {"train": params, "machine": machine, "model": model}
    facts = {name: section.model_dump() for name, section in sections.items()} | {"seed": seed}
    key = fingerprint(facts, [train_manifest, dev_manifest, *_files(base), *_code()])

    tuning = family_module(family, "tuning")
    tuned = family_module(family, "model").load(base, device)
    tuning.make_trainable(tuned, params)
    utterances = read_manifest(train_manifest)
    waveforms = Waveforms(prepared, utterances)
    loss_batch = family_module(family, "batch").loss_batch

    def collate(batch: TrainingBatch) -> Any:
        return loss_batch(
            tuned,
            [heard(example, waveforms) for example in batch.examples],
            [said(example, utterances) for example in batch.examples],
            batch.context_s,
            params,
            [example.seed for example in batch.examples],
            zeros=batch.zeros,
        )

    task = Task(
        network=tuned.network,
        summed_loss=family_module(family, "batch").SummedLoss(tuned),
        collate=collate,
        durations_s=[utterance.duration_s for utterance in utterances],
        groups=[(utterance.corpus, utterance.language) for utterance in utterances],
        read_dev=dev_reader(tuned, family, prepared, read_manifest(dev_manifest), params),
    )
    with (
        scratch_folder("train", key) as scratch,
        mirrored(scratch, operations),
        training_log(f"train-{key}", operations.trackers, facts, device) as log,
    ):
        progress = train(task, params, seed, device, scratch, log.watch)
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
