"""Notice files of this machine that change while they are read: half of an edit is no corpus."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from asr.core.errors import InputError

Stamp = tuple[int, int]
MAX_NAMES = 5  # most files to name in a message


def stamps(paths: Iterable[Path]) -> dict[Path, Stamp | None]:
    """Size and time of the last edit of each file; None if there is no such file.

    Times are compared for equality alone, so a clock that was set back hides nothing.
    """
    return {path: _stamp(path) for path in paths}


def check_still(place: Path, before: Mapping[Path, Stamp | None], paths: Iterable[Path]) -> None:
    """Compare files with what they were.

    Args:
        place: the folder or file that was read, for the message.
        before: from ``stamps``, before the first was read.
        paths: the files that are there now.

    Raises:
        InputError: if a file changed, grew, vanished or appeared; names it.
    """
    now = {**dict.fromkeys(before), **stamps(paths)}
    changed = sorted(str(path) for path in now if now[path] != before.get(path))
    if changed:
        more = f" and {len(changed) - MAX_NAMES} more" if len(changed) > MAX_NAMES else ""
        raise InputError(
            f"{place}: changed while it was read: {', '.join(changed[:MAX_NAMES])}{more}; run the "
            "same command again when nothing writes there"
        )


def read_still(place: Path, path: Path, before: Stamp | None) -> bytes:
    """Read a file of ``place``.

    Raises:
        InputError: if its size or time of the last edit is not that of ``before``; names it.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        content = b""  # the check names it
    check_still(place, {path: before}, [path])
    return content


def _stamp(path: Path) -> Stamp | None:
    try:
        stat = path.stat()
    except OSError:  # gone, or a link in a circle; whoever reads it learns why
        return None
    return stat.st_size, stat.st_mtime_ns
