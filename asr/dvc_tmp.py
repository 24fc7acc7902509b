"""DVC's folder for what is no one's out: caches, logs, the state of unfinished runs."""

import os
from pathlib import Path


def dvc_tmp() -> Path:
    """The folder, the same one for the queue's copies of the repository."""
    # A queue worker runs in a copy; DVC names the original.
    return Path(os.environ.get("DVC_ROOT", ".")) / ".dvc" / "tmp"
