"""Paths in a corpus: detect audio files, resolve a manifest's paths, decode text files."""

import re
from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from pathlib import PurePosixPath

from asr.core.errors import InputError
from asr.core.urls import hide_secrets
from asr.corpora.audio_content import HEAD_BYTES, may_be_audio, starts_as_audio
from asr.corpora.raw_folder import read_head, refused, stored
from asr.corpora.recording import Files, Stored

AUDIO_ENDINGS = (
    ".3ga", ".3gp", ".3g2", ".aac", ".aif", ".aifc", ".aiff", ".amr", ".ape", ".au", ".audio",
    ".avi", ".caf", ".flac", ".flv", ".m4a", ".m4b", ".m4v", ".mka", ".mkv", ".mov", ".mp2", ".mp3",
    ".mp4", ".mpga", ".oga", ".ogg", ".ogv", ".opus", ".snd", ".sph", ".spx", ".voc", ".w64",
    ".wav", ".wave", ".webm", ".wma", ".wmv", ".wv",
)  # fmt: skip
_SPLITS = {
    "train": "train", "training": "train",
    "dev": "dev", "devel": "dev", "val": "dev", "valid": "dev", "validation": "dev",
    "test": "test", "testing": "test", "eval": "test",
}  # fmt: skip
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_DRIVE = re.compile(r"[A-Za-z]:")


def is_audio(name: str) -> bool:
    """Whether a file name has an audio ending; False for macOS metadata such as ``._a.wav``.

    >>> is_audio("a/b.FLAC"), is_audio("a/._b.flac")
    (True, False)
    """
    return name.lower().endswith(AUDIO_ENDINGS) and is_visible(name)


def is_audio_file(files: Files, name: str) -> bool:
    """Whether a file is audio by its name or, if that is no known one, by its content.

    >>> is_audio_file({"clip": b"OggS"}, "clip"), is_audio_file({"text": b"a b"}, "text")
    (True, False)
    """
    if is_audio(name) or not is_visible(name) or not may_be_audio(name):
        return is_audio(name)
    return starts_as_audio(read_head(files, name, HEAD_BYTES))


def is_visible(name: str) -> bool:
    """Whether no part of the path starts with a dot or is macOS's ``__MACOSX``."""
    path = f"/{name}/"
    return "/." not in path and "/__MACOSX/" not in path


def stem(name: str) -> str:
    """The path without the ending of its file name: ``a.b/c.d.wav`` is ``a.b/c.d``."""
    return str(PurePosixPath(name).with_suffix("")) if "." in name.rpartition("/")[2] else name


@lru_cache(1024)  # called for every recording, with the few names of folders and tables
def canonical_split(subset: str) -> str | None:
    """Map a corpus's name of a subset to train, dev or test; None if it is none of them.

    >>> [canonical_split(name) for name in ("validation", "train-clean-100", "test-01", "invited")]
    ['dev', 'train', 'test', None]
    """
    return _SPLITS.get(re.split(r"[^a-z]", subset.lower(), maxsplit=1)[0])


def split_of_path(name: str) -> str | None:
    """The name of the outermost folder that means a split, None if there is none."""
    return next((folder for folder in name.split("/")[:-1] if canonical_split(folder)), None)


def split_of_table(file: str) -> str | None:
    """Split in a table's file name, such as ``train.jsonl`` or ``test-00000-of-00001.parquet``."""
    return canonical_split(file.rpartition("/")[2].partition(".")[0])


def read_text(files: Files, name: str) -> str:
    """The text of a UTF-8 file, with or without a byte order mark.

    Raises:
        InputError: if a byte is null or not UTF-8; names the file and the line.
    """
    return decode_text(files[name], name)


def decode_text(content: bytes, name: str, first_line: int = 1) -> str:
    """Like ``read_text``, for bytes in memory; ``first_line`` is the number of their first line."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Both error.start and error.object exclude the byte order mark.
        line = error.object.count(b"\n", 0, error.start) + first_line
        byte = error.object[error.start]
        raise InputError(f"{name}:{line}: expected UTF-8, got the byte 0x{byte:02x}") from error
    if (at := text.find("\0")) >= 0:
        line = text.count("\n", 0, at) + first_line
        raise InputError(f"{name}:{line}: expected text, got a null byte")
    return text


class AudioFiles:
    """Resolves a manifest's audio path to a file of the corpus."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._by_file_name: dict[str, list[str]] = defaultdict(list)
        self._folders: set[str] = set()
        self._refused = refused(files)
        for name in files:
            if is_audio_file(files, name):
                folder, _, file_name = name.rpartition("/")
                self._by_file_name[file_name].append(name)
                self._folders.add(folder)

    def find(self, path: str, beside: str, place: str) -> tuple[str, str | None]:
        """Return the file's name, and an error message if there is no such file, else None.

        A path is relative to the manifest's folder or to the source's root. Some corpora move
        files to folders that the manifest omits: ``audio/a.flac`` may be
        ``part_1/audio/a.flac`` or ``part_1/a.flac``. A unique match counts as the file.

        Args:
            path: value in the manifest.
            beside: name of the manifest.
            place: manifest, line and key, for messages.

        Raises:
            InputError: if the path is empty, absolute, a URL, or leaves the source's folder.
        """
        path = safe_path(path, place)
        folder = beside.rpartition("/")[0]
        for name in (f"{folder}/{path}" if folder else path, path):
            if name in self._files:
                return name, None
            if why := refusal(self._refused, name):
                return name, f"{place}: {why[1]}"
        named_folder, _, file_name = path.rpartition("/")
        same_name = self._by_file_name.get(file_name, [])
        found = [name for name in same_name if name.endswith(f"/{path}")]
        if not found and not self._has_folder(named_folder, folder):
            found = same_name
        if len(found) == 1:
            return found[0], None
        got = f"{len(found)}: {', '.join(found[:3])}" if found else "none"
        return path, f"{place}: expected one file {path!r} in the source, got {got}"

    def _has_folder(self, named: str, manifest_folder: str) -> bool:
        """Whether the named folder exists; then a file of that name elsewhere is another clip."""
        return bool(named) and not self._folders.isdisjoint(
            {named, f"{manifest_folder}/{named}" if manifest_folder else named}
        )

    def __getitem__(self, name: str) -> bytes | Stored:
        return stored(self._files, name)

    def names(self) -> list[str]:
        """The recordings, in the order of names."""
        return sorted(name for names in self._by_file_name.values() for name in names)


def refusal(refused: Mapping[str, str], name: str) -> tuple[str, str] | None:
    """The link that a file is or is below, and why fetch refused it; None if it is none."""
    if not refused:
        return None
    above = (name, *map(str, PurePosixPath(name).parents))
    return next(((place, refused[place]) for place in above if place in refused), None)


def safe_path(path: str, place: str) -> str:
    """Normalize a manifest's path: drop ``./`` and replace backslashes by slashes.

    Raises:
        InputError: if the path is empty, absolute, a URL, or leaves its folder; names ``place``.
    """
    if _ADDRESS.match(path):
        raise InputError(f"{place}: expected a path, got the address {hide_secrets(path)!r:.120}")
    mended = path.replace("\\", "/")
    if mended.startswith("/") or _DRIVE.match(mended):
        raise InputError(
            f"{place}: expected a path relative to the manifest, got the absolute {path!r:.120}"
        )
    parts = [part for part in mended.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise InputError(
            f"{place}: expected a path inside the source's folder, got {path!r:.120}, "
            "which leaves it"
        )
    if not parts:
        raise InputError(f"{place}: expected a path, got {path!r}")
    return "/".join(parts)
