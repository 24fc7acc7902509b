"""Mark the trainable weights of a Qwen3-ASR."""

from collections.abc import Sequence
from typing import Any

from asr.families.qwen3_asr.model.model import Qwen3Asr
from asr.families.qwen3_asr.training.params import Qwen3AsrTrainParams
from asr.training.adapter import add_adapter
from asr.training.groups import halves
from asr.training.params import TrainParams

# Attention and feed-forward of the language model; the tower's layers have names like these too.
LORA_MODULES = r".*\.language_model\.layers\..*\.(q|k|v|o|gate|up|down)_proj"
PARTS = {"projector": "model.multi_modal_projector.", "audio_tower": "model.audio_tower."}


def make_trainable(model: Qwen3Asr, params: TrainParams, own: Qwen3AsrTrainParams) -> None:
    """Mark the weights to train: all, all but the tower's, an adapter's, or the projector's."""
    network = model.network
    learning: dict[str, Sequence[str]] = {
        "full": ["projector", "audio_tower"],
        "frozen_encoder": ["projector"],
        "lora": own.beside_adapter,
        "projector": ["projector"],
    }
    network.requires_grad_(params.tune in ("full", "frozen_encoder"))
    if params.tune == "lora":
        add_adapter(network, params.lora, LORA_MODULES)
    for part, prefix in PARTS.items():
        network.get_submodule(prefix.rstrip(".")).requires_grad_(part in learning[params.tune])
    if params.gradient_checkpointing:
        network.activation_checkpointing_enable()
        # It also asks for gradients of the audio tower's first convolution, frozen or not, which
        # only another kind of checkpointing needs: all the tower's activations would be kept.
        network.disable_input_require_grads()
    network.train()


def layers(model: Qwen3Asr) -> list[Any]:
    """Layers of tower and language model, which hold most weights; each is called as a module."""
    inner: Any = model.network.model
    return [*inner.audio_tower.layers, *inner.language_model.layers]


def weight_groups(model: Qwen3Asr) -> dict[str, list[str]]:
    """Groups of weights that ``train.phases`` can name."""
    tower: Any = model.network.model.audio_tower
    return {
        **halves("audio_tower", PARTS["audio_tower"], len(tower.layers)),
        "projector": [PARTS["projector"]],
        "language_model": ["model.language_model."],
        "embedding": ["model.language_model.embed_tokens.", "lm_head."],
    }
