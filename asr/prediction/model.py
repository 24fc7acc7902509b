"""The model to predict with: a folder of any family, or a checkpoint of an unfinished training."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from asr.averaging.mean import write_mean
from asr.averaging.source import is_checkpoint, open_checkpoint
from asr.core.errors import InputError
from asr.core.files import fingerprint, read_json, sha256_of
from asr.families.protocols import FOLDER


@contextmanager
def model_folder(model: Path, base: Path) -> Iterator[Path]:
    """The model's folder; of a checkpoint a temporary one, with the other files of ``base``.

    Raises:
        InputError: if there is no such folder, or the checkpoint does not fit ``base``.
    """
    if not model.is_dir():
        raise InputError(f"{model}: expected a folder with a model, there is none")
    if not is_checkpoint(model):
        yield model
        return
    # Beside the model and not in /tmp, which may be in memory.
    with tempfile.TemporaryDirectory(dir=base.parent) as folder:
        write_mean(Path(folder), [open_checkpoint(model, base)])
        yield Path(folder)


def family_of(model: Path) -> str | None:
    """The family of a model folder by its files; None if they don't show it.

    A family of its own kind of folder has ``<family>.json`` there. The others are as transformers
    writes them, with the family as ``model_type``.
    """
    families = sorted(path.parent.name for path in FOLDER.glob("*/__init__.py"))
    for family in families:
        if (model / f"{family}.json").is_file():
            return family
    config = model / "config.json"
    content = read_json(config) if config.is_file() else None
    kind = content.get("model_type") if isinstance(content, dict) else None
    return kind if kind in families else None


def model_hash(model: Path) -> str:
    """A hash of the names and bytes of a model's files."""
    files = (path for path in model.rglob("*") if path.is_file())
    return fingerprint({str(path.relative_to(model)): sha256_of(path) for path in files}, ())
