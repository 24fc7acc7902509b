"""Bring the pretrained model as a plain transformers folder."""

import tempfile
from pathlib import Path

from asr.cli import run
from asr.families import family_module
from asr.files import whole_folder
from asr.params import load_block, load_params
from asr.schemas.model import Params
from asr.weights import bring_weights

MODELS = Path("conf/models.yaml")


def base(out: Path) -> None:
    """Bring the model that params.yaml chooses from where conf/models.yaml has it."""
    model = load_params("model", Params)
    schema = family_module(model.family, "params").ModelParams
    block = load_block(MODELS, (model.family, model.name), schema)
    # Beside out rather than in /tmp, which may be memory: weights take gigabytes.
    with whole_folder(out) as folder, tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        weights = bring_weights(block.weights, Path(scratch))
        family_module(model.family, "base").bring_base(weights, folder)


if __name__ == "__main__":
    run(base)
