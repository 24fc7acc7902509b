"""The machine that tensors live on."""

from importlib.metadata import version
from typing import TYPE_CHECKING

from asr.core.errors import InputError
from asr.devices.gpu_claim import claim_gpus
from asr.devices.params import MachineParams

if TYPE_CHECKING:
    import torch


def use_machine(params: MachineParams) -> "torch.device":
    """Set torch up as ``machine`` in params.yaml says, and return the device.

    On the CPU it is told to repeat itself bit by bit: the gradient of Whisper's positions is added
    up from all clips of a batch at once, and threads that race there change the last bits.

    A GPU is this process's alone until it ends; if others have them all, this waits.

    Raises:
        InputError: if a device is named that is not there.
    """
    import torch  # 210 MB and seconds, which decoding on a CPU does without

    if params.device in ("auto", "cuda"):
        claim_gpus()
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
    # Fills what is about to be overwritten, against code that reads what it never wrote: 3 % of a
    # training step for the same bits.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    return torch.device(name)


def device_name(machine: MachineParams) -> str:
    """``cuda``, ``mps`` or ``cpu``, as ``machine.device`` says.

    torch takes 210 MB and seconds to import, so one built for CPUs alone is not asked.

    Raises:
        InputError: if a device is named that is not there.
    """
    if machine.device == "cpu" or (machine.device == "auto" and version("torch").endswith("+cpu")):
        return "cpu"
    return use_machine(machine).type
