"""Export the tuned model in the formats of other tools."""

from pathlib import Path

from asr.core.cli import run
from asr.core.params import load_params
from asr.export.formats import Source
from asr.export.params import ExportParams
from asr.export.write import write_exports
from asr.families.params import ModelParams
from asr.families.protocols import family_module
from asr.utterances.utterance import read_manifest


def export(model: Path, base: Path, train_manifest: Path, out: Path) -> None:
    """Write a folder for each format, and ``export.json`` with sizes and hashes.

    Args:
        model: folder of the tuned model.
        base: folder of the model before tuning.
        train_manifest: of the training set, for its languages.
        out: the exports; replaced as a whole.
    """
    family = load_params("model", ModelParams).family
    languages = {one.language for one in read_manifest(train_manifest)}
    source = Source(model, base, tuple(sorted(languages)))
    formats = family_module(family, "export").formats()
    write_exports(family, formats, load_params("export", ExportParams).formats, source, out)


if __name__ == "__main__":
    run(export)
