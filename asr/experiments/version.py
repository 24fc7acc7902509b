"""Which experiments are of the same code and params, so that none runs twice."""

from collections.abc import Sequence
from pathlib import Path

from asr.core.files import fingerprint


def version(overrides: Sequence[str]) -> str:
    """A hash of what decides the scores besides data and seed: code and params."""
    rooms = (Path(room).rglob("*.py") for room in ("asr", "stages"))
    files = [path for room in rooms for path in room]
    files += [path for path in Path().glob("*.yaml") if path.name in ("params.yaml", "dvc.yaml")]
    return fingerprint({"overrides": sorted(overrides)}, [*files, *Path("conf").rglob("*.yaml")])
