"""Tune the base model on train and keep the weights with the best WER on dev."""

import gc
import sys
from pathlib import Path

import torch

from asr.core.cli import run
from asr.core.closure import code_facts
from asr.core.files import atomic_folder, write_json
from asr.core.params import load_family_params, load_params, load_seed
from asr.core.pull import pull_missing
from asr.core.unchanged import StageInputs
from asr.devices.device import use_machine
from asr.devices.gpu_claim import claim_gpus
from asr.devices.params import MachineParams
from asr.families.params import ModelParams
from asr.families.protocols import MakesVocabulary, family_module
from asr.training.augmentation.augment import Augmentation
from asr.training.collate import collator
from asr.training.dev import dev_evaluator
from asr.training.distributed.launch import launch
from asr.training.distributed.processes import join_processes, launched
from asr.training.distributed.sharding import check_shardable
from asr.training.label_check import check_labels
from asr.training.loop import train
from asr.training.operations import OperationsParams
from asr.training.params import TrainParams
from asr.training.replay import to_replay
from asr.training.state.log import write_curve
from asr.training.state.run import open_run
from asr.training.state.unfinished import run_facts
from asr.training.target_text import target_texts
from asr.training.task import task_of
from asr.utterances.shards import Waveforms
from asr.utterances.utterance import read_manifest


def train_stage(
    base: Path, prepared: Path, train_manifest: Path, replay_manifest: Path, dev_manifest: Path,
    noise: Path, out: Path, curves: Path, metrics: Path,
) -> None:  # fmt: skip
    """Tune the base model on train and keep the weights with the best WER on dev."""
    started_with = StageInputs()
    params = load_params("train", TrainParams)
    machine = load_params("machine", MachineParams)
    operations = load_params("operations", OperationsParams)
    if machine.shard_weights:
        check_shardable(params)
    replay = to_replay(replay_manifest, params.replay)
    utterances, dev = [*read_manifest(train_manifest), *replay], read_manifest(dev_manifest)
    if not launched():
        pull_missing(prepared / corpus for corpus in {one.corpus for one in (*utterances, *dev)})
        if machine.num_processes > 1:
            if machine.device in ("auto", "cuda"):
                claim_gpus(machine.num_processes)
            launch("stages.train", sys.argv[1:], machine.num_processes)
            return
    model = load_params("model", ModelParams)
    family = family_module(model.family, "training")
    own = load_family_params(model.family, "train", family.OwnParams)
    seed = load_seed()
    processes = join_processes(use_machine(machine), machine.num_processes)
    sections = {"train": params, f"{model.family}.train": own, "machine": machine, "model": model}
    # Not the shards: the manifests hold the hash of every clip's samples.
    inputs = (train_manifest, replay_manifest, dev_manifest, base, noise)
    facts = run_facts(sections, seed, inputs, code_facts("stages.train", model.family))
    torch.manual_seed(seed)  # an adapter's first weights are drawn
    trainee = family.open_trainee(base, processes.device, params, own)
    utterances, dev = target_texts(utterances, params.text), target_texts(dev, params.text)
    if isinstance(trainee, MakesVocabulary):
        trainee.make_vocabulary(utterances, dev)
    gc.freeze()  # they live to the end: without this, each collection looks at a million objects
    waveforms = Waveforms(prepared, utterances)
    longest_s = family_module(model.family, "window").MAX_DURATION_S
    labels = check_labels(trainee, waveforms, utterances, params, longest_s, seed)
    augment = Augmentation(params.augment, noise)
    with (
        open_run(facts, operations, processes) as (scratch, watch),
        collator(trainee, waveforms, utterances, params, augment) as collate,
    ):
        evaluate_dev = dev_evaluator(trainee, prepared, dev, params, processes)
        task = task_of(
            trainee, utterances, longest_s, collate, evaluate_dev,
            num_labels=labels.counts.tolist(), num_replay=len(replay),
            shard_weights=machine.shard_weights, loader_threads=operations.loader_threads,
        )  # fmt: skip
        progress = train(task, params, seed, processes, scratch, watch)
        started_with.check()  # here, so that an error leaves the state to resume from
        if not processes.first:
            return
        with atomic_folder(out) as partial:
            trainee.save(partial)
        write_curve(curves / "train.csv", progress.train_columns, progress.train_rows)
        write_curve(curves / "dev.csv", progress.dev_columns, progress.dev_rows)
        write_json(metrics, {"dev": progress.dev_metrics, "labels": labels.metrics()})


if __name__ == "__main__":
    run(train_stage)
