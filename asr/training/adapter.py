"""Add a LoRA adapter to a model, and merge it into the weights."""

from typing import Any

from torch import nn

from asr.training.params import LoraParams


def add_adapter(network: nn.Module, params: LoraParams, modules: str) -> None:
    """Add a LoRA adapter (Hu et al., 2021) to linear layers; only the adapter is trainable.

    Args:
        network: the model, changed in place; the names of its modules stay.
        params: section ``train.lora``.
        modules: regular expression that matches the full names of the layers.
    """
    import peft  # takes a second, so only LoRA imports it

    config = peft.LoraConfig(
        r=params.rank,
        lora_alpha=params.alpha,
        lora_dropout=params.dropout,
        target_modules=modules,
    )
    # Injected, not wrapped: families call modules by their own names.
    peft.inject_adapter_in_model(config, network)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_("lora_" in name)


def merge_adapter(network: nn.Module) -> None:
    """Merge the adapter, if there is one, into the weights, so that a plain model is saved."""
    for name, module in list(network.named_modules()):
        if hasattr(module, "lora_A"):
            layer: Any = module
            layer.merge()
            parent, _, attribute = name.rpartition(".")
            setattr(network.get_submodule(parent), attribute, layer.get_base_layer())
