"""Training throughput against the standard recipe: ``python -m benchmarks.training``.

Peer: transformers' Seq2SeqTrainer on features padded to 30 s, as in the Hugging Face course. Ours:
the steps of ``asr.training``, once as the default trains (clips joined, their speed changed, a
share with long context) and once on the clips as they are. Same base model, weights that learn,
clips, batch and precision; three rounds, in each of which everybody trains on the same clips in
turn.
"""

import random
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset
from transformers import Seq2SeqTrainer, Seq2SeqTrainingArguments, TrainerCallback

from asr.device import use_machine
from asr.examples import heard, said
from asr.families.whisper.batch import IGNORED, SummedLoss, loss_batch, token_room
from asr.families.whisper.model import Whisper, load
from asr.families.whisper.tuning import make_trainable
from asr.manifest import read_manifest
from asr.params import load_params
from asr.processes import Processes
from asr.schemas.machine import Params as MachineParams
from asr.schemas.train import Params as TrainParams
from asr.shards import Waveforms
from asr.steps import TrainingBatch, plan_steps
from asr.task import Task
from asr.training import Run
from asr.utterance import Utterance
from benchmarks.measure import Stopwatch, ratio, write_result

NUM_ROUNDS = 3
CLIPS_A_ROUND = 16
CLIPS_A_BATCH = 8  # 30 s of features for more do not fit a small GPU either
BASE, PREPARED = Path("models/base"), Path("data/prepared")


class Clips(Dataset[dict[str, Any]]):
    """A round's clips as the standard recipe has them: 30 s features, made before training."""

    def __init__(self, whisper: Whisper, clips: list[tuple[Any, Utterance]]) -> None:
        extractor = whisper.processor.feature_extractor
        self.items = []
        for waveform, utterance in clips:
            features = extractor(waveform, sampling_rate=16_000, return_tensors="pt")
            batch = loss_batch(whisper, [waveform], [utterance], context_s=30.0)
            self.items.append(
                {
                    "input_features": features.input_features[0],
                    "decoder_input_ids": batch.inputs[0],
                    "labels": batch.targets[0],
                }
            )

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.items[index]


def collate(items: list[dict[str, Any]], end: int) -> dict[str, torch.Tensor]:
    """Pad a batch's tokens, as ``DataCollatorSpeechSeq2SeqWithPadding`` does."""
    pad = partial(torch.nn.utils.rnn.pad_sequence, batch_first=True)
    return {
        "input_features": torch.stack([item["input_features"] for item in items]),
        "decoder_input_ids": pad([i["decoder_input_ids"] for i in items], padding_value=end),
        "labels": pad([item["labels"] for item in items], padding_value=IGNORED),
    }


class StepTimer(TrainerCallback):
    """Times Trainer's steps alone, not what it does around a run."""

    def __init__(self, watch: Stopwatch) -> None:
        self.watch = watch

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Start the lap."""
        self.lap = self.watch.lap()
        self.lap.__enter__()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """End it."""
        self.lap.__exit__(None, None, None)


def train_standard(
    whisper: Whisper, clips: list[tuple[Any, Utterance]], params: TrainParams, watch: Stopwatch
) -> None:
    """Train once over the clips as the standard recipe does."""
    dataset = Clips(whisper, clips)
    end = whisper.network.generation_config.eos_token_id
    with tempfile.TemporaryDirectory() as folder:
        arguments = Seq2SeqTrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=CLIPS_A_BATCH,
            num_train_epochs=1,
            learning_rate=params.lr,
            max_grad_norm=params.max_grad_norm,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        Seq2SeqTrainer(
            model=whisper.network,
            args=arguments,
            train_dataset=dataset,
            data_collator=partial(collate, end=end),
            callbacks=[StepTimer(watch)],
        ).train()


def train_ours(
    whisper: Whisper, clips: list[tuple[Any, Utterance]], params: TrainParams, watch: Stopwatch
) -> None:
    """Train once over the clips as the train stage does."""

    waveforms, utterances = [w for w, _ in clips], [u for _, u in clips]

    def collate_ours(batch: TrainingBatch) -> Any:
        return loss_batch(
            whisper,
            [heard(example, waveforms) for example in batch.examples],
            [said(example, utterances) for example in batch.examples],
            batch.context_s,
            params,
            [example.seed for example in batch.examples],
            zeros=batch.zeros,
        )

    task = Task(
        network=whisper.network,
        summed_loss=SummedLoss(whisper),
        collate=collate_ours,
        durations_s=[utterance.duration_s for utterance in utterances],
        groups=[(utterance.corpus, utterance.language) for utterance in utterances],
        room=token_room(whisper, utterances),
        read_dev=lambda: None,  # type: ignore[arg-type, return-value]
    )
    run = Run(task, params, Processes(0, 1, torch.device("cpu")), Path("unused"))
    steps = plan_steps(task.durations_s, task.groups, task.room, params, seed=1)
    with watch.lap():
        for number, (_, batches) in enumerate(steps):
            run.updater.step(batches, params.lr)
            run.average(number)


def main() -> None:
    """Measure, print and write ``benchmarks/results/training.json``."""
    use_machine(load_params("machine", MachineParams))
    params = load_params("train", TrainParams).model_copy(
        update={"num_epochs": 1, "max_batch_clips": CLIPS_A_BATCH, "batch_seconds": 240.0}
    )
    short = params.model_copy(
        update={
            "long_context": params.long_context.model_copy(update={"share": 0.0}),
            "join": params.join.model_copy(update={"share": 0.0}),
            "speed_change": params.speed_change.model_copy(update={"most": 0.0}),
        }
    )
    utterances = read_manifest(Path("data/manifests/train.jsonl"))
    random.Random(1).shuffle(utterances)
    utterances = utterances[: NUM_ROUNDS * CLIPS_A_ROUND]
    waveforms = Waveforms(PREPARED, utterances)
    whisper = load(BASE, torch.device("cpu"))
    make_trainable(whisper, params)
    # Otherwise Trainer divides by the number of items of all accumulated batches, twice.
    network: Any = whisper.network
    network.accepts_loss_kwargs = False
    watches = {name: Stopwatch() for name in ("standard", "short", "default")}
    for start in range(0, len(utterances), CLIPS_A_ROUND):
        clips = [(waveforms[i], utterances[i]) for i in range(start, start + CLIPS_A_ROUND)]
        train_standard(whisper, clips, params, watches["standard"])
        train_ours(whisper, clips, short, watches["short"])
        train_ours(whisper, clips, params, watches["default"])
    mean_s = sum(u.duration_s for u in utterances) / len(utterances)
    write_result(
        "training",
        {
            "clips": {"count": len(utterances), "mean_s": round(mean_s, 2)},
            "batch": CLIPS_A_BATCH,
            "tune": params.tune,
            "clips_per_second": {n: w.per_second(CLIPS_A_ROUND) for n, w in watches.items()},
            "times_standard": {
                name: ratio(watches[name], watches["standard"]) for name in ("short", "default")
            },
        },
    )


if __name__ == "__main__":
    main()
