"""Which device there is to decode on, found without torch where it could only be the CPU."""

from importlib.metadata import version

from asr.schemas.machine import Params as MachineParams


def device_name(machine: MachineParams) -> str:
    """``cuda``, ``mps`` or ``cpu``, as ``machine.device`` says.

    torch takes 210 MB and seconds to import, so one built for CPUs alone is not asked.

    Raises:
        InputError: if a device is named that is not there.
    """
    if machine.device == "cpu" or (machine.device == "auto" and version("torch").endswith("+cpu")):
        return "cpu"
    from asr.device import use_machine

    return use_machine(machine).type
