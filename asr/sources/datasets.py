"""A data set of the Hugging Face hub, by name, configuration and split, as ``datasets`` reads it.

Kind ``hub`` brings files, so their names must be known. This one brings rows, whichever files hold
them: ``rows.jsonl`` with the audio beside it, for the format ``jsonl``. Rows are streamed. Audio
stays encoded as it is, so ``datasets`` needs no torchcodec.
"""

import json
import math
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field

from asr.core.errors import InputError, needs
from asr.core.schema import Schema
from asr.sources.archives import Wants
from asr.sources.sql import ROWS


class Source(Schema):
    """Block of ``conf/sources.yaml``.

    ``config`` is left out where a data set has only one. ``revision`` is a commit, since a branch
    is another data set tomorrow. A token for closed data sets comes from the environment
    (``HF_TOKEN``) or ``hf auth login``.
    """

    kind: Literal["datasets"]
    repo: str = Field(pattern=r"^[A-Za-z0-9][\w.-]*(/[\w.-]+)?$")
    config: str | None = Field(None, min_length=1)
    splits: list[str] = Field(min_length=1)
    revision: str = Field(pattern=r"^[0-9a-f]{40}$")
    license: str = Field(min_length=1)


def bring(source: Source, wants: Wants) -> Iterator[tuple[str, bytes]]:
    """Each row's audio in the order of splits and rows, then ``rows.jsonl``.

    Raises:
        InputError: if the data set can't be had, or has no such configuration, split or audio.
    """
    with needs("datasets", f"{source.repo}: kind datasets"):
        import datasets
    import httpx2

    datasets.logging.set_verbosity_error()
    try:
        yield from _files(source, wants)
    except (
        datasets.exceptions.DatasetsError,
        httpx2.HTTPError,
        OSError,
        RuntimeError,
        ValueError,
    ) as error:
        why = " ".join(str(error.__cause__ or error).split())
        raise InputError(
            f"{source.repo}@{source.revision}: could not be read from the hub: {why:.300} (is "
            "there a network? is the data set closed: HF_TOKEN? a copy on this machine serves too, "
            "as kind folder)"
        ) from error


def _files(source: Source, wants: Wants) -> Iterator[tuple[str, bytes]]:
    from datasets import load_dataset_builder

    data_set = load_dataset_builder(source.repo, source.config, revision=source.revision)
    # Rows of a folder of files import torchcodec, even with Audio(decode=False), unless they stay
    # in Arrow's format and no threads are there to decode them (datasets 5.2).
    data_set.config.decode_num_threads = 0
    lines = []
    for split in source.splits:
        rows = data_set.as_streaming_dataset(split=split)
        column = _audio_column(rows.features or {}, source)
        for number, table in enumerate(rows.with_format("arrow")):
            (row,) = table.to_pylist()
            name = f"{split}/{number:06}.audio"  # decoders look at the content
            audio = _content(row[column])
            if audio is not None and wants(name):  # none: the reader says so in the rejects
                yield name, audio
            described = {k: _plain(v, rows.features[k]) for k, v in row.items() if k != column}
            lines.append(json.dumps({column: name} | described, ensure_ascii=False, default=str))
    if wants(ROWS):
        yield ROWS, "".join(f"{line}\n" for line in lines).encode()


def _audio_column(features: dict[str, Any], source: Source) -> str:
    """The one column of audio; in tables that ``datasets`` did not write, of ``{bytes, path}``."""
    from datasets import Audio

    columns = [k for k, kind in features.items() if isinstance(kind, Audio)] or [
        k for k, kind in features.items() if isinstance(kind, dict) and "bytes" in kind
    ]
    if len(columns) != 1:
        raise InputError(
            f"{source.repo}@{source.revision}: expected one column of audio, got {columns} among "
            f"{sorted(features)}; kind hub brings the files as they are"
        )
    return columns[0]


def _content(audio: Any) -> bytes | None:
    """The encoded bytes, from the row itself or the file that it names."""
    import fsspec

    if audio is None or (audio["bytes"] is None and audio["path"] is None):
        return None
    if audio["bytes"] is not None:
        return bytes(audio["bytes"])
    with fsspec.open(audio["path"], "rb") as file:
        return bytes(file.read())


def _plain(value: Any, kind: Any) -> Any:
    """A value as JSON can hold it; a class by its name, pictures and other bytes left out."""
    from datasets import ClassLabel

    if isinstance(kind, ClassLabel):
        return None if value is None or value < 0 else kind.int2str(value)
    if isinstance(value, dict):
        return {key: _plain(item, None) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, None) for item in value]
    if isinstance(value, bytes) or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value
