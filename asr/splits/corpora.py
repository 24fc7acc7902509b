"""Check that the folders which `split` reads hold the corpora of params.yaml and no others."""

import shlex
from collections.abc import Collection
from pathlib import Path

from asr.core.errors import InputError

# Folders beside data/prepared that `split` does not read, with the ending of a corpus's file.
OTHERS = {"raw": "", "inventory": ".csv", "validation": ".json"}


def check_corpora(
    corpora: Collection[str], prepared: Path, rejects: Path, audit: Path, metrics: Path
) -> None:
    """Raise one error for all that is missing, and for all that a removed corpus left.

    DVC hashes all that is in a folder. It removes nothing of a corpus that is no longer in
    ``params.yaml``, neither from ``data`` nor the metrics that are in Git.

    Args:
        corpora: names of the corpora of ``params.yaml``.
        prepared: folder with one folder of shards a corpus.
        rejects: folder with one CSV a corpus.
        audit: folder with one CSV a corpus.
        metrics: folder with one JSON a corpus, from the stage ``audit``; `split` needs none.

    Raises:
        InputError: with the command that removes what belongs to no corpus.
    """
    read = {prepared: "", rejects: ".csv", audit: ".csv"}
    faults, left, gone = [], list[Path](), set[str]()
    for folder, ending in {**read, metrics: ".json"}.items():
        expected = {f"{name}{ending}" for name in corpora}
        found = {path.name for path in folder.glob("*") if path.name != ".gitignore"}
        if folder in read and (missing := sorted(expected - found)):
            faults.append(f"{folder}: expected {sorted(expected)}, missing {missing}")
        left += [folder / name for name in sorted(found - expected)]
        gone |= {name.removesuffix(ending) for name in found - expected}
    if left:
        others = [prepared.parent / place / f"{name}{ending}"
                  for place, ending in OTHERS.items() for name in sorted(gone)]  # fmt: skip
        left += [path for path in others if path.exists()]
        faults.append(
            f"{sorted(gone)} belong to no corpus of params.yaml; remove them: "
            f"rm -r {shlex.join(map(str, left))}"
        )
    if faults:
        raise InputError("; ".join(faults))
