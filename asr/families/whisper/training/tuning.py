"""Mark the trainable weights of a Whisper."""

from typing import Any

from asr.families.whisper.model.model import Whisper
from asr.families.whisper.training.params import WhisperTrainParams
from asr.training.adapter import add_adapter
from asr.training.groups import halves
from asr.training.params import TrainParams

# Attention and feed-forward of encoder and decoder; plain names would match other modules too.
LORA_MODULES = r".*\.(encoder|decoder)\.layers\..*\.(q_proj|k_proj|v_proj|out_proj|fc1|fc2)"


def make_trainable(whisper: Whisper, params: TrainParams, own: WhisperTrainParams) -> None:
    """Mark the weights to train: all, the decoder's, or those of a LoRA adapter in all layers."""
    network: Any = whisper.network
    if params.tune == "lora":
        add_adapter(network, params.lora, LORA_MODULES)
    else:
        network.requires_grad_(True)
        # Fixed sinusoids, as in OpenAI's training.
        network.model.encoder.embed_positions.requires_grad_(False)
        if params.tune == "frozen_encoder":
            network.model.encoder.requires_grad_(False)
        if own.freeze_embedding:
            network.model.decoder.embed_tokens.requires_grad_(False)
    if params.gradient_checkpointing:
        network.activation_checkpointing_enable()
    network.train()


def layers(whisper: Whisper) -> list[Any]:
    """Layers of encoder and decoder, which hold most weights; each is called as a module."""
    model: Any = whisper.network.model
    return [*model.encoder.layers, *model.decoder.layers]


def weight_groups(whisper: Whisper) -> dict[str, list[str]]:
    """Groups of weights that ``train.phases`` can name."""
    model: Any = whisper.network.model
    return {
        **halves("encoder", "model.encoder.", len(model.encoder.layers)),
        "decoder": ["model.decoder."],
        "embedding": ["model.decoder.embed_tokens.", "proj_out."],
    }
