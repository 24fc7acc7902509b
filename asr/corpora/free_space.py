"""Whether the disks have room for what a stage is going to write: known before it starts."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from asr.core.errors import InputError

VARIABLE = "MOTHERTONGUE_DISK_CHECK"  # off: an estimate may be wrong, and nobody else is to stop


def check_free(needs: Iterable[tuple[Path, float]]) -> None:
    """Compare the bytes that are needed with those that are free, for each disk.

    Args:
        needs: paths to write to, which need not exist, and estimated bytes; sizes of paths on the
            same disk are added.

    Raises:
        InputError: with both numbers, if a disk is too small.
    """
    if os.environ.get(VARIABLE) == "off":
        return
    needed: dict[int, float] = {}
    shown: dict[int, Path] = {}
    for path, num_bytes in needs:
        device = existing(path).stat().st_dev
        needed[device] = needed.get(device, 0.0) + num_bytes
        shown.setdefault(device, path)
    for device, num_bytes in needed.items():
        free = free_bytes(shown[device])
        if num_bytes > free:
            raise InputError(
                f"needs about {gigabytes(num_bytes)} in {shown[device]}, "
                f"{gigabytes(free)} are free ({VARIABLE}=off goes on regardless)"
            )


def existing(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    return next(one for one in (path, *path.absolute().parents) if one.exists())


def free_bytes(path: Path) -> int:
    """What is free on the disk of a path, which need not exist."""
    return shutil.disk_usage(existing(path)).free


def gigabytes(num_bytes: float) -> str:
    """A size for people.

    >>> gigabytes(12_345_678_901), gigabytes(4_500_000)
    ('12.3 GB', '4.5 MB')
    """
    return f"{num_bytes / 1e9:.1f} GB" if num_bytes >= 1e8 else f"{num_bytes / 1e6:.1f} MB"
