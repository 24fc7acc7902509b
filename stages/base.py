"""Bring the pretrained model as a plain transformers folder."""

import tempfile
from pathlib import Path

from asr.core.cli import run
from asr.core.files import whole_folder
from asr.core.params import load_block, load_params
from asr.families import family_module
from asr.families.params import ModelParams
from asr.sources.weights import bring_weights

MODELS = Path("conf/models.yaml")


def base(out: Path) -> None:
    """Bring the model that params.yaml chooses from where conf/models.yaml has it."""
    model = load_params("model", ModelParams)
    schema = family_module(model.family, "base.params").ModelParams
    block = load_block(MODELS, (model.family, model.name), schema)
    # Beside out rather than in /tmp, which may be memory: weights take gigabytes.
    with whole_folder(out) as folder, tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        weights = bring_weights(block.weights, Path(scratch))
        family_module(model.family, "base.base").bring_base(weights, folder)


if __name__ == "__main__":
    run(base)
