"""Manifests: JSONL files with one utterance a line."""

from collections.abc import Iterable
from pathlib import Path

from asr.errors import InputError
from asr.jsonl import read_jsonl, write_jsonl
from asr.utterance import Utterance


def read_manifest(path: Path) -> list[Utterance]:
    """Read every utterance of a manifest, in its order.

    Raises:
        InputError: naming file, line, key, expected and got; also for an id that appears twice.
    """
    utterances = read_jsonl(path, Utterance)
    seen: set[str] = set()
    for line, utterance in enumerate(utterances, start=1):
        if utterance.id in seen:
            raise InputError(f"{path}:{line}: id {utterance.id!r} appears twice")
        seen.add(utterance.id)
    return utterances


def write_manifest(path: Path, utterances: Iterable[Utterance]) -> None:
    """Write one utterance a line."""
    write_jsonl(path, utterances)
