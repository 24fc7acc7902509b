"""Paths of this machine, as users write them in ``conf/``."""

import os
from pathlib import Path


def local_path(path: str | Path) -> Path:
    """A path that is absolute, or relative to the repository.

    DVC runs experiments of the queue and of ``--temp`` in a copy of the repository without what Git
    ignores, such as recordings and models, so a path that is missing there is one of the original.
    """
    here = Path(path).expanduser()
    if here.is_absolute() or here.exists():
        return here
    return Path(os.environ.get("DVC_ROOT", ".")) / here
