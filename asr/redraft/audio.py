"""The bytes of a clip's audio, wherever the block says they are."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from asr.core.errors import InputError
from asr.corpora.paths import safe_path
from asr.redraft.params import Audio, BytesColumn, FolderColumn, S3Column, UrlColumn
from asr.sources.bucket import check_variables, read_object
from asr.sources.folder import checked_file
from asr.sources.local import local_path
from asr.sources.params import FetchParams
from asr.sources.web import download_row

# Returns the bytes that a value of the audio column leads to. Raises InputError.
Load = Callable[[Any], bytes]


def audio_loader(audio: Audio, limits: FetchParams, place: str) -> Load:
    """The function that loads audio.

    Args:
        audio: of the block.
        limits: section ``fetch``, on the size of a file and the seconds of a download.
        place: of the block, for messages.

    Raises:
        InputError: if the folder or an environment variable is missing.
    """
    if isinstance(audio, FolderColumn) and not local_path(audio.root).is_dir():
        raise InputError(f"{place}.audio.root: expected a folder, got {audio.root!r}")
    if isinstance(audio, S3Column):
        check_variables(audio, f"{place}.audio")

    def load(value: Any) -> bytes:
        if value is None or value == "":
            raise InputError(f"{audio.column}: expected audio, got none")
        if isinstance(audio, BytesColumn):
            return _checked(_bytes(value, audio), audio.column, limits)
        if not isinstance(value, str):
            raise InputError(f"{audio.column}: expected text, got {value!r:.80}")
        if isinstance(audio, UrlColumn):
            return download(value, audio.column, limits, allow_private=audio.allow_private)
        if isinstance(audio, FolderColumn):
            return _file(audio, value, limits)
        return read_object(audio, value, audio.column, limits)

    return load


def _bytes(value: Any, audio: BytesColumn) -> bytes:
    if not isinstance(value, bytes | memoryview | bytearray):
        raise InputError(f"{audio.column}: expected bytes, got {value!r:.80}")
    return bytes(value)


def _checked(content: bytes, column: str, limits: FetchParams) -> bytes:
    if len(content) > limits.max_bytes:
        raise InputError(f"{column}: {limits.too_large(len(content))}")
    return content


def download(url: str, column: str, limits: FetchParams, *, allow_private: bool) -> bytes:
    """Download a URL.

    Raises:
        InputError: if that fails; without user info and query of the URL.
    """
    try:
        status, content = download_row(url, limits, allow_private=allow_private)
    except InputError as error:
        raise InputError(f"{column}: {error}") from error
    if status != HTTPStatus.OK:
        raise InputError(f"{column}: could not be downloaded: status {status}")
    return content


def _file(audio: FolderColumn, value: str, limits: FetchParams) -> bytes:
    root = local_path(audio.root)
    file = checked_file(root, safe_path(value, audio.column), root, limits)
    if isinstance(file, InputError):
        raise InputError(f"{audio.column}: {file}")
    return file.read_bytes()
