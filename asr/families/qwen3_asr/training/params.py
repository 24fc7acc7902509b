"""Section ``qwen3_asr.train``: the training params that only Qwen3-ASR has."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from asr.core.schema import Schema
from asr.training.params import TrainParams


class Qwen3AsrTrainParams(Schema):
    """Section ``qwen3_asr.train``."""

    beside_adapter: list[Literal["projector", "audio_tower"]]
    projector_rate: float = Field(gt=0, le=100)
    audio_tower_rate: float = Field(gt=0, le=100)


def faults(train: TrainParams, own: Qwen3AsrTrainParams) -> list[str]:
    """List the params that contradict each other."""
    if own.beside_adapter and train.tune != "lora":
        return [
            "qwen3_asr.train.beside_adapter: expected [] unless train.tune is lora, got "
            f"{own.beside_adapter} with {train.tune}"
        ]
    return []


def groups(train: TrainParams, own: Qwen3AsrTrainParams) -> Sequence[str]:
    """List the groups with weights to train; an adapter is in the language model's."""
    found = {
        "full": ["projector", "language_model", "embedding", "audio_tower"],
        "frozen_encoder": ["projector", "language_model", "embedding"],
        "lora": ["language_model", *own.beside_adapter],
        "projector": ["projector"],
    }[train.tune]
    if "audio_tower" in found:
        found.remove("audio_tower")
        found += ["audio_tower.lower", "audio_tower.upper"]
    return found
