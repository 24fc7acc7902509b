"""Each family's smallest model, of random weights, for the checks that all families must pass."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from asr.core.params import load_block, load_family_params, load_params
from asr.decoding.params import DecodeParams
from asr.devices.params import MachineParams
from asr.families.protocols import Engine, MakesVocabulary, Trainee, family_module
from asr.sources.weights import fetch_block
from asr.training.augmentation.examples import TokenLimit
from asr.training.dev import dev_error
from asr.training.distributed.processes import Processes
from asr.training.params import JoinParams, SpecAugmentParams, SpeedChangeParams, TrainParams
from asr.training.task import Task
from asr.utterances.utterance import Utterance
from tests.examples import tone, utterance

ROOT = Path(__file__).parent.parent
CPU = torch.device("cpu")
ALONE = Processes(0, 1, CPU)
NO_MASKS = SpecAugmentParams(num_time_masks=0, max_time_share=0, num_mel_masks=0, max_mel_bins=0)


@dataclass(frozen=True)
class TinyFamily:
    """A family and how its smallest model trains.

    Attributes:
        family: name of the folder in ``asr/families/``.
        name: a block of kind ``random`` in ``conf/models.yaml``.
        frozen: by value of ``train.tune``, beginnings of the names of weights that stay.
        own: values of ``<family>.train`` without random changes of clips and texts.
        lr: a learning rate at which the model overfits.
        num_steps: steps until it writes the four texts.
        language: of the clips.
    """

    family: str
    name: str
    frozen: Mapping[str, tuple[str, ...]]
    own: Mapping[str, Any] = field(default_factory=dict)
    lr: float = 3e-3
    num_steps: int = 80
    language: str = "be"

    def write_base(self, folder: Path) -> None:
        """Write the model as the stage ``base`` does."""
        role = family_module(self.family, "base")
        block = load_block(ROOT / "conf/models.yaml", (self.family, self.name), role.Block)
        scratch = folder.parent / f"{folder.name}-weights"
        scratch.mkdir()
        folder.mkdir(exist_ok=True)
        role.bring_base(block, fetch_block(block, scratch), folder)

    def trainee(
        self, model: Path, tune: str = "full", own: Mapping[str, Any] | None = None, **changes: Any
    ) -> Trainee:
        """The model ready to train, without random changes of clips and texts."""
        role = family_module(self.family, "training")
        read = load_family_params(self.family, "train", role.OwnParams, ROOT / "params.yaml")
        section = read.model_copy(update={**self.own, **(own or {})})
        params = self.params(tune, **changes)
        assert role.faults(params, section) == []
        trainee = role.open_trainee(model, CPU, params, section)
        if isinstance(trainee, MakesVocabulary):
            trainee.make_vocabulary(utterances(self.language), utterances(self.language))
        return trainee

    def groups(self, tune: str) -> list[str]:
        """The groups of weights that learn."""
        role = family_module(self.family, "training")
        read = load_family_params(self.family, "train", role.OwnParams, ROOT / "params.yaml")
        return [*role.groups(self.params(tune), read.model_copy(update=self.own))]

    def params(self, tune: str = "full", **changes: Any) -> TrainParams:
        values = {
            "tune": tune, "lr": self.lr, "warmup_steps": 0, "schedule": "constant",
            "min_hours": 0.0, "weight_decay": 0.0, "average_decay": 0.0, "spec_augment": NO_MASKS,
            "join": JoinParams(share=0.0, max_s=8.0, max_pause_s=0.0),
            "speed_change": SpeedChangeParams(most=0.0),
        }  # fmt: skip
        read = load_params("train", TrainParams, ROOT / "params.yaml")
        return read.model_copy(update=values | changes)

    def engine(self, model: Path) -> Engine:
        """The model of a folder, to transcribe greedily on one thread."""
        role = family_module(self.family, "decoding")
        own = load_family_params(self.family, "decode", role.OwnParams, ROOT / "params.yaml")
        decode = load_params("decode", DecodeParams, ROOT / "params.yaml")
        machine = MachineParams(device="cpu", num_threads=1, num_processes=1, shard_weights=False)
        return role.open_engine(model, machine, decode.model_copy(update={"num_beams": 1}), own)


WHISPER = TinyFamily(
    family="whisper",
    name="random",
    frozen={"full": (), "frozen_encoder": ("model.encoder.",), "lora": ()},
    own={"freeze_embedding": False, "token_dropout": 0.0, "subword_dropout": 0.0, "margin_s": 0.1},
)
QWEN3_ASR = TinyFamily(
    family="qwen3_asr",
    name="tiny",
    frozen={
        "full": (),
        "frozen_encoder": ("model.audio_tower.",),
        "lora": ("model.audio_tower.", "model.multi_modal_projector."),
        "projector": ("model.audio_tower.", "model.language_model."),
    },
    num_steps=60,
)
SPEECH_LLM = TinyFamily(
    family="speech_llm",
    name="tiny",
    frozen={
        "full": ("encoder.",),
        "lora": ("encoder.",),
        "projector": ("encoder.", "language_model."),
    },
    own={"token_dropout": 0.0, "ctc_share": 0.0},
)
CTC = TinyFamily(
    family="ctc",
    name="tiny",
    frozen={
        "full": ("network.encoder.embed_positions.",),
        "frozen_encoder": ("network.encoder.",),
        "lora": (),
    },
    own={"min_count": 1, "head_rate": 1.0},
    lr=3e-3,
    num_steps=160,
)
FAMILIES = [WHISPER, QWEN3_ASR, SPEECH_LLM, CTC]
BY_NAME = {one.family: one for one in FAMILIES}

# Tones of different pitch and length, each with a text of its own.
TEXTS = ["лес", "як гэта", "бор", "два"]
CLIPS = [tone(0.4 + 0.2 * i, hz=300.0 + 400 * i) for i in range(4)]


def utterances(language: str) -> list[Utterance]:
    return [
        utterance(str(i), text=TEXTS[i], duration_s=len(CLIPS[i]) / 16_000, language=language)
        for i in range(4)
    ]


def context_s(trainee: Trainee) -> float:
    """Seconds that the model computes for the longest clip."""
    return max(trainee.seconds(len(clip) / 16_000) for clip in CLIPS)


def task(family: TinyFamily, trainee: Trainee, processes: Processes = ALONE) -> Task:
    """Train on the four clips, and evaluate on them too."""
    them = utterances(family.language)

    def collate(batch):
        indices = [example.pieces[0].index for example in batch.examples]
        return trainee.batch([CLIPS[i] for i in indices], [them[i] for i in indices],
                             batch.context_s, indices, zeros=batch.zeros)  # fmt: skip

    def evaluate_dev():
        mine = range(processes.rank, 4, processes.count)
        heard = trainee.transcribe([CLIPS[i] for i in mine], [them[i] for i in mine],
                                   context_s(trainee), [30 for _ in mine])  # fmt: skip
        pairs = [(them[i].text, one.text) for i, one in zip(mine, heard, strict=True)]
        return dev_error(processes.gathered(pairs))

    labels = [trainee.num_labels(one.text, one.language) for one in them]
    return Task(
        trainee.network, trainee.summed_loss, collate, [one.duration_s for one in them],
        [family.language] * 4, TokenLimit(labels, trainee.max_labels, 30.0), trainee.seconds,
        evaluate_dev, weight_groups=trainee.weight_groups, rate_factors=trainee.rate_factors,
    )  # fmt: skip
