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
    ``params.yaml``, neither from ``data`` nor the metrics that are in Git. Metrics alone stop
    nothing, since a clone has those of the corpora that its user replaced: a line names them.

    Args:
        corpora: names of the corpora of ``params.yaml``.
        prepared: folder with one folder of shards a corpus.
        rejects: folder with one CSV a corpus.
        audit: folder with one CSV a corpus.
        metrics: folder with one JSON a corpus, from the stage ``audit``; `split` needs none.

    Raises:
        InputError: with the command that removes what belongs to no corpus.
    """
    folders = {prepared: "", rejects: ".csv", audit: ".csv"}
    faults, left = [], dict[Path, str]()  # what is left, and of which corpus
    for folder, ending in folders.items():
        found = _names(folder, ending)
        if missing := sorted(f"{name}{ending}" for name in set(corpora) - found):
            expected = sorted(f"{name}{ending}" for name in corpora)
            faults.append(f"{folder}: expected {expected}, missing {missing}")
        left |= {folder / f"{name}{ending}": name for name in sorted(found - set(corpora))}
    measured = {
        metrics / f"{name}.json": name for name in sorted(_names(metrics, ".json") - set(corpora))
    }
    gone = sorted({*left.values(), *measured.values()})
    others = [prepared.parent / place / f"{name}{ending}"
              for place, ending in OTHERS.items() for name in gone]  # fmt: skip
    paths = [*left, *measured, *filter(Path.exists, others)]
    removal = (
        f"{gone} belong to no corpus of params.yaml; remove them: "
        f"rm -r {shlex.join(map(str, paths))}"
    )
    if left:
        faults.append(removal)
    if faults:
        raise InputError("; ".join(faults))
    if measured:
        print(removal)


def _names(folder: Path, ending: str) -> set[str]:
    """The corpora of a folder's files."""
    return {
        path.name.removesuffix(ending) for path in folder.glob("*") if path.name != ".gitignore"
    }
