"""What of a Whisper learns, and how an adapter ends up in its weights."""

from typing import Any

from asr.families.whisper.model.model import Whisper
from asr.families.whisper.training.params import WhisperTrainParams
from asr.training.params import TrainParams

# Attention and feed-forward of both halves; a list of bare names would catch other modules too.
LORA_MODULES = r".*\.(encoder|decoder)\.layers\..*\.(q_proj|k_proj|v_proj|out_proj|fc1|fc2)"


def make_trainable(whisper: Whisper, params: TrainParams, own: WhisperTrainParams) -> None:
    """Choose what learns: everything, the decoder alone, or a LoRA adapter put into both halves."""
    network: Any = whisper.network
    if params.tune == "lora":
        _add_adapter(network, params)
    else:
        network.requires_grad_(True)
        # Sinusoids, not learned in the original either.
        network.model.encoder.embed_positions.requires_grad_(False)
        if params.tune == "frozen_encoder":
            network.model.encoder.requires_grad_(False)
        if own.freeze_embedding:
            network.model.decoder.embed_tokens.requires_grad_(False)
    if params.gradient_checkpointing:
        network.activation_checkpointing_enable()
    network.train()


def layers(whisper: Whisper) -> list[Any]:
    """The layers that make up most of the model, each called as a module."""
    model: Any = whisper.network.model
    return [*model.encoder.layers, *model.decoder.layers]


def merge_adapter(whisper: Whisper) -> None:
    """Fold a LoRA adapter, if there is one, into the weights: what is saved is a plain model."""
    for name, module in list(whisper.network.named_modules()):
        if hasattr(module, "lora_A"):
            module.merge()
            parent, _, attribute = name.rpartition(".")
            setattr(whisper.network.get_submodule(parent), attribute, module.get_base_layer())


def _add_adapter(network: Any, params: TrainParams) -> None:
    import peft  # a second to import, for those who use it

    config = peft.LoraConfig(
        r=params.lora.rank,
        lora_alpha=params.lora.alpha,
        lora_dropout=params.lora.dropout,
        target_modules=LORA_MODULES,
    )
    # Injected rather than wrapped: the module tree stays as `encode` walks it.
    peft.inject_adapter_in_model(config, network)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_("lora_" in name)
