"""Open a family's aligner."""

from pathlib import Path

from asr.alignment.params import AlignParams
from asr.alignment.unit_scores import Aligner
from asr.core.by_name import module_by_name
from asr.devices.params import MachineParams


def open_aligner(family: str, model: Path, machine: MachineParams, params: AlignParams) -> Aligner:
    """Load a model as an aligner, by its family's role ``alignment``.

    Raises:
        InputError: if the family has no such role, or the folder holds no model of the family.
    """
    role = module_by_name(f"asr.families.{family}", "alignment", f"model.family: {family}")
    return role.open_aligner(model, machine, params)  # type: ignore[no-any-return]
