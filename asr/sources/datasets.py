"""Rows of a data set on the Hugging Face hub, streamed by the library ``datasets``.

Kind ``hub`` downloads files, whose names you must know. Kind ``datasets`` reads rows, whichever
files hold them. It writes each row's audio, still encoded, so torchcodec is not needed, and one
``rows.jsonl`` for the format ``jsonl``.
"""

import json
import math
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Literal

from pydantic import Field

from asr.core.errors import InputError, needs
from asr.core.schema import Schema
from asr.core.urls import hide_secrets
from asr.sources.archives import Wants
from asr.sources.params import FetchParams
from asr.sources.sql import ROWS
from asr.sources.web import PORTS, download_row


class Source(Schema):
    """Block of ``conf/sources.yaml``.

    Omit ``config`` if the data set has only one. ``revision`` must be a commit, because a branch
    can change. Gated data sets need a token: set ``HF_TOKEN`` or run ``hf auth login``.
    ``allow_private`` permits URLs of this machine and of its network in rows.
    """

    kind: Literal["datasets"]
    repo: str = Field(pattern=r"^[A-Za-z0-9][\w.-]*(/[\w.-]+)?$")
    config: str | None = Field(None, min_length=1)
    splits: list[str] = Field(min_length=1)
    revision: str = Field(pattern=r"^[0-9a-f]{40}$")
    allow_private: bool = Field(False)
    license: str = Field(min_length=1)


def fetch_files(source: Source, wants: Wants, limits: FetchParams) -> Iterator[tuple[str, bytes]]:
    """Yield each row's audio in the order of splits and rows, then ``rows.jsonl``.

    Raises:
        InputError: if the data set is unavailable, or has no such configuration, split or audio.
    """
    with needs("datasets", f"{source.repo}: kind datasets"):
        import datasets
    import httpx2

    datasets.logging.set_verbosity_error()
    try:
        yield from _files(source, wants, limits)
    except (
        datasets.exceptions.DatasetsError,
        httpx2.HTTPError,
        OSError,
        RuntimeError,
        ValueError,
    ) as error:
        why = hide_secrets(" ".join(str(error.__cause__ or error).split()))
        raise InputError(
            f"{source.repo}@{source.revision}: could not be read from the hub: {why:.300} (check "
            "the network; a gated data set needs HF_TOKEN; a local copy can be read with kind "
            "folder)"
        ) from error


def _files(source: Source, wants: Wants, limits: FetchParams) -> Iterator[tuple[str, bytes]]:
    from datasets import load_dataset_builder

    data_set = load_dataset_builder(source.repo, source.config, revision=source.revision)
    # In datasets 5.2 an audiofolder imports torchcodec even with Audio(decode=False). It does not
    # if rows stay in Arrow format and decode_num_threads is 0.
    data_set.config.decode_num_threads = 0
    lines = []
    for split in source.splits:
        rows = data_set.as_streaming_dataset(split=split)
        column = _audio_column(rows.features or {}, source)
        for number, table in enumerate(rows.with_format("arrow")):
            (row,) = table.to_pylist()
            name = f"{split}/{number:06}.audio"  # asr.audio detects the format by content
            audio = _content(row[column], f"{split}: row {number + 1}", source, limits)
            if audio is not None and wants(name):  # prepare rejects a row without audio
                yield name, audio
            described = {k: _plain(v, rows.features[k]) for k, v in row.items() if k != column}
            lines.append(json.dumps({column: name} | described, ensure_ascii=False, default=str))
    if wants(ROWS):
        yield ROWS, "".join(f"{line}\n" for line in lines).encode()


def _audio_column(features: dict[str, Any], source: Source) -> str:
    """Return the only ``Audio`` column or, if there is none, the only ``{bytes, path}`` column."""
    from datasets import Audio

    columns = [k for k, kind in features.items() if isinstance(kind, Audio)] or [
        k for k, kind in features.items() if isinstance(kind, dict) and "bytes" in kind
    ]
    if len(columns) != 1:
        raise InputError(
            f"{source.repo}@{source.revision}: expected one column of audio, got {columns} among "
            f"{sorted(features)}; to fetch the files themselves, use kind hub"
        )
    return columns[0]


def _content(audio: Any, place: str, source: Source, limits: FetchParams) -> bytes | None:
    """Return the encoded audio, from the row or the file that it names; None if it has neither."""
    if audio is None or (audio["bytes"] is None and audio["path"] is None):
        return None
    place = f"{source.repo}@{source.revision}: {place}"
    content: bytes | None = audio["bytes"]
    if content is None:
        content = _named(audio["path"], place, source, limits)
    if content is not None and len(content) > limits.max_bytes:
        raise InputError(f"{place}: {limits.too_large(len(content))}")
    return content


def _named(path: str, place: str, source: Source, limits: FetchParams) -> bytes | None:
    """Read the file of the data set, or the public URL, that a row names: no file of this machine.

    A path of fsspec leads from the outside in, such as ``zip://a.wav::hf://datasets/me/clips@1``.
    """
    import fsspec

    if path.partition("://")[0] in PORTS and "::" not in path:
        status, content = download_row(path, limits, allow_private=source.allow_private)
        if status != HTTPStatus.OK:
            raise InputError(f"{place}: the audio's URL can't be downloaded: status {status}")
        return content
    *within, where = path.split("::")
    own = where.startswith((f"hf://datasets/{source.repo}/", f"hf://datasets/{source.repo}@"))
    if not own or any(one.partition("://")[0] not in ("zip", "tar") for one in within):
        raise InputError(
            f"{place}: expected audio in the data set, or at http(s)://…, got another place"
        )
    with fsspec.open(path, "rb") as opened:
        return bytes(opened.read(limits.max_bytes + 1))


def _plain(value: Any, kind: Any) -> Any:
    """Convert a value for JSON: a class label to its name; bytes and non-finite numbers to None."""
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
