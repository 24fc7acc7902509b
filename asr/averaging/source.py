"""Models to average, compared with each other: which files, weights, shapes and types they have."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from asr.core.errors import InputError
from asr.core.files import sha256_of
from asr.training.state.checkpoint import STATE, TENSORS

SUFFIX = ".safetensors"
SHOWN = 4  # names in an error


@dataclass(frozen=True)
class Source:
    """Weights to average.

    Attributes:
        folder: as it was named, a model or a checkpoint.
        model: the folder itself, or the model that a checkpoint's weights are put into.
        checkpoint: tensor of the checkpoint, by name of the weight; empty for a model.
    """

    folder: Path
    model: Path
    checkpoint: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def tables(self) -> dict[str, dict[str, Any]]:
        """By file of weights: the ``dtype``, ``shape`` and ``data_offsets`` of each weight."""
        return {name: read_table(self.model / name) for name in files(self.model, weights=True)}

    def place(self, file: str, weight: str) -> tuple[Path, str]:
        """The file that holds a weight of ``file``, and its name there."""
        if weight in self.checkpoint:
            return self.folder / TENSORS, self.checkpoint[weight]
        return self.model / file, weight

    def sha256(self) -> list[str]:
        """Hashes of all weights, to sort by."""
        paths = [self.model / name for name in self.tables]
        return [sha256_of(path) for path in (*paths, *self.folder.glob(TENSORS))]


def files(folder: Path, *, weights: bool) -> list[str]:
    """Paths of a folder's files, relative to it: its safetensors, or all others."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(
        str(path.relative_to(folder)) for path in found if (path.suffix == SUFFIX) == weights
    )


def read_table(path: Path) -> dict[str, Any]:
    """The table of a safetensors file, without its metadata; the order is that of the data.

    Raises:
        InputError: if the file is damaged.
    """
    try:
        table = json.loads(read_header(path)[8:])
        table.pop("__metadata__", None)
        return dict(sorted(table.items(), key=lambda entry: entry[1]["data_offsets"]))
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise InputError(f"{path}: expected a safetensors file, got {error!r:.80}") from error


def read_header(path: Path) -> bytes:
    """The bytes of a safetensors file before its data: a length in 8 bytes, and JSON."""
    with path.open("rb") as file:
        length = file.read(8)
        size = int.from_bytes(length, "little")
        if size > path.stat().st_size:
            raise InputError(f"{path}: expected a safetensors file, got one that is cut or damaged")
        return length + file.read(size)


def open_sources(folders: Sequence[Path]) -> list[Source]:
    """Compare the folders with the first; they come sorted by their weights' hashes.

    Raises:
        InputError: if one is missing, named twice, or not of the first's architecture.
    """
    if len(folders) < 2:
        raise InputError(f"expected at least two folders to average, got {len(folders)}")
    by_path: dict[Path, Path] = {}
    for folder in folders:
        if (other := by_path.setdefault(folder.resolve(), folder)) is not folder:
            raise InputError(f"{folder}: expected different folders, it is also {other}")
    first = _open_model(folders[0])
    sources = [first]
    for folder in folders[1:]:
        if is_checkpoint(folder):
            sources.append(_open_checkpoint(folder, first))
        else:
            sources.append(_open_model(folder))
            _check_files(sources[-1], first)
            _check_tables(sources[-1], first)
    return sorted(sources, key=Source.sha256)


def open_checkpoint(folder: Path, model: Path) -> Source:
    """A checkpoint, whose weights stand in for those of a model.

    Raises:
        InputError: if ``model`` is none, or has not these weights.
    """
    return _open_checkpoint(folder, _open_model(model))


def is_checkpoint(folder: Path) -> bool:
    """Whether a folder is a checkpoint of training."""
    return (folder / STATE).is_file() and (folder / TENSORS).is_file()


def _open_model(folder: Path) -> Source:
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder with a model, there is none")
    if is_checkpoint(folder):
        raise InputError(f"{folder}: expected a model in the first folder, got a checkpoint")
    source = Source(folder, folder)
    if not source.tables:
        there = files(folder, weights=False)
        raise InputError(f"{folder}: expected weights as *{SUFFIX}, got {shown(there)}")
    return source


def _open_checkpoint(folder: Path, first: Source) -> Source:
    """A checkpoint has trained weights alone, as ``weight/…``, and mostly averages of them."""
    found = read_table(folder / TENSORS)
    kind = "average/" if any(name.startswith("average/") for name in found) else "weight/"
    names = {name.removeprefix(kind): name for name in found if name.startswith(kind)}
    known = {name: entry for table in first.tables.values() for name, entry in table.items()}
    if unknown := sorted(names.keys() - known):
        raise InputError(
            f"{folder}: expected weights of {first.folder}, got {shown(unknown)}; an adapter is "
            "merged only at the end of training, and a family with several files has no such names"
        )
    if not names:
        raise InputError(f"{folder / TENSORS}: expected weights, got none")
    for name, key in names.items():
        _check_entry(folder / TENSORS, name, found[key], first.folder, known[name])
    return Source(folder, first.model, names)


def _check_files(source: Source, first: Source) -> None:
    """All but the weights is equal, byte for byte: a mean has one tokenizer, one context."""
    ours, theirs = (
        {name: sha256_of(one.model / name) for name in files(one.model, weights=False)}
        for one in (source, first)
    )
    if differing := sorted(n for n in ours.keys() | theirs if ours.get(n) != theirs.get(n)):
        raise InputError(
            f"{source.folder}: expected the files of {first.folder} but for weights, "
            f"{shown(differing)} differ: they are of another model, or trained with other params"
        )


def _check_tables(source: Source, first: Source) -> None:
    if source.tables.keys() != first.tables.keys():
        raise InputError(
            f"{source.folder}: expected the weights {sorted(first.tables)} of {first.folder}, got "
            f"{sorted(source.tables)}"
        )
    for file, table in source.tables.items():
        known = first.tables[file]
        if differing := sorted(table.keys() ^ known.keys()):
            raise InputError(
                f"{source.model / file}: expected the weights of {first.folder}, "
                f"{shown(differing)} are only in one of them"
            )
        for name, entry in table.items():
            _check_entry(source.model / file, name, entry, first.folder, known[name])


def _check_entry(
    path: Path, name: str, entry: Mapping[str, Any], other: Path, expected: Mapping[str, Any]
) -> None:
    for key in ("shape", "dtype"):
        if entry[key] != expected[key]:
            raise InputError(
                f"{path}: {name}: {key}: expected {expected[key]} as in {other}, got {entry[key]}"
            )


def shown(names: Sequence[str]) -> str:
    """The first of some names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
