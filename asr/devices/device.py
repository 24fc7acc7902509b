"""Choose the torch device and set torch up for it."""

import os
from importlib.metadata import version
from typing import TYPE_CHECKING

from asr.core.errors import InputError
from asr.devices.gpu_claim import claim_gpus
from asr.devices.params import MachineParams

if TYPE_CHECKING:
    import torch

ALLOCATOR = {"PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"}  # the new name and the old one


def use_machine(params: MachineParams) -> "torch.device":
    """Set torch up for section ``machine`` of params.yaml, and return the device.

    On the CPU torch uses deterministic algorithms. Without them, threads add up the gradient of
    Whisper's positions over a batch in varying order, which changes the last bits.

    A GPU is locked until this process ends; if all are locked, this waits.

    Raises:
        InputError: if the machine does not have the device.
    """
    import torch  # 210 MB and seconds, which decoding on a CPU does without

    if params.device in ("auto", "cuda"):
        claim_gpus()
        if not ALLOCATOR & os.environ.keys():
            # Batches differ in length. Blocks that grow in place leave no gaps, so that less memory
            # is reserved; torch reads this when it first allocates on a GPU.
            os.environ["PYTORCH_ALLOC_CONF"] = "expandable_segments:True"
    torch.set_num_threads(params.num_threads)
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    names = [name for name, there in available.items() if there]
    name = names[0] if params.device == "auto" else params.device
    if name not in names:
        raise InputError(f"machine.device: {name} is not on this machine, {names} are")
    torch.use_deterministic_algorithms(name == "cpu")
    # Otherwise torch fills new tensors, to catch reads of uninitialized memory. That takes 3 % of a
    # training step and changes no result.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    return torch.device(name)


def device_name(machine: MachineParams) -> str:
    """The device of ``machine.device``: ``cuda``, ``mps`` or ``cpu``.

    A torch built only for CPUs is not imported, because that takes 210 MB and seconds.

    Raises:
        InputError: if the machine does not have the device.
    """
    if machine.device == "cpu" or (machine.device == "auto" and version("torch").endswith("+cpu")):
        return "cpu"
    return use_machine(machine).type
