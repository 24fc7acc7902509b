"""Fetch a pretrained model as a plain folder: the base model to tune, or the audit's judge."""

import tempfile
from pathlib import Path

from asr.audit.params import AuditParams
from asr.core.cli import run
from asr.core.files import atomic_folder
from asr.core.params import load_block, load_params
from asr.families.params import ModelParams
from asr.families.protocols import family_module
from asr.sources.still import check_still, stamps
from asr.sources.weights import fetch_block

MODELS = Path("conf/models.yaml")


def base(section: str, out: Path) -> None:
    """Fetch the model that params.yaml chooses from its source in conf/models.yaml.

    Args:
        section: of ``params.yaml`` that chooses the model: ``model`` or ``audit.judge``.
        out: folder for the model.
    """
    if section == "audit.judge":
        model = load_params("audit", AuditParams).judge
    else:
        model = load_params(section, ModelParams)
    family = family_module(model.family, "base")
    block = load_block(MODELS, (model.family, model.name), family.Block)
    # Not in /tmp, which may be in memory: weights take gigabytes. Beside the partial folder, since
    # what a kill leaves there is removed by the next write.
    with atomic_folder(out) as folder, tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        weights = fetch_block(block, Path(scratch))
        before = {place: stamps(place.glob("*.*")) for place in weights.values()}
        family.bring_base(block, weights, folder)
        for place, files in before.items():  # weights of kind folder may be written meanwhile
            check_still(place, files, place.glob("*.*"))


if __name__ == "__main__":
    run(base)
