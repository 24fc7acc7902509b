"""The machine that tensors live on."""

import torch

from asr.errors import InputError
from asr.schemas.machine import Params as MachineParams


def use_machine(params: MachineParams) -> torch.device:
    """Set torch up as ``machine`` in params.yaml says, and return the device.

    Raises:
        InputError: if a device is named that is not there.
    """
    torch.set_num_threads(params.num_threads)
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    names = [name for name, there in available.items() if there]
    if params.device == "auto":
        return torch.device(names[0])
    if params.device not in names:
        raise InputError(f"machine.device: {params.device} is not on this machine, {names} are")
    return torch.device(params.device)
