"""Bring a pretrained model as a plain folder: the one that is tuned, or the one that judges."""

import tempfile
from pathlib import Path

from asr.audit.params import AuditParams
from asr.core.cli import run
from asr.core.files import whole_folder
from asr.core.params import load_block, load_params
from asr.families.params import ModelParams
from asr.families.protocols import family_module
from asr.sources.weights import bring_weights, weights_of

MODELS = Path("conf/models.yaml")


def base(section: str, out: Path) -> None:
    """Bring a model that params.yaml chooses from where conf/models.yaml has it.

    Args:
        section: of ``params.yaml`` that names the model: ``model`` or ``audit.judge``.
        out: folder for it.
    """
    if section == "audit.judge":
        model = load_params("audit", AuditParams).judge
    else:
        model = load_params(section, ModelParams)
    family = family_module(model.family, "base")
    block = load_block(MODELS, (model.family, model.name), family.Block)
    # Beside out rather than in /tmp, which may be memory: weights take gigabytes.
    with whole_folder(out) as folder, tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        weights = {}
        for name, kind in weights_of(block).items():
            Path(scratch, name).mkdir()
            weights[name] = bring_weights(kind, Path(scratch, name))
        family.bring_base(block, weights, folder)


if __name__ == "__main__":
    run(base)
