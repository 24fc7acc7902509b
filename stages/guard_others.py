"""Fetch and decode clips of other languages, to see what tuning makes the model forget."""

from pathlib import Path

from asr.core.cli import run
from asr.core.files import atomic_folder, write_json
from asr.core.params import load_params
from asr.guards.others import prepare_others
from asr.guards.params import GuardsParams
from asr.preparation.params import PrepareParams
from asr.sources.params import FetchParams


def guard_others(out: Path) -> None:
    """Fetch and decode clips of other languages, to see what tuning makes the model forget.

    Args:
        out: folder with the shards of each corpus of ``guards.others``, and their names in
            ``others.json``, so that no folder is empty.
    """
    others = load_params("guards", GuardsParams).others
    prepare, fetch = load_params("prepare", PrepareParams), load_params("fetch", FetchParams)
    with atomic_folder(out) as partial:
        prepare_others(others, partial, prepare, fetch)
        write_json(partial / "others.json", sorted(others))


if __name__ == "__main__":
    run(guard_others)
