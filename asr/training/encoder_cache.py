"""Outputs of a frozen encoder, computed once per clip and cached on disk.

A frozen encoder gives the same output for a clip in every epoch if audio and context stay the same.
So each clip is encoded with its own context, not its batch's, and the family's params reject all
augmentation of audio. The outputs are in one memory-mapped float16 file, clip after clip. One
second of computed audio takes 50 kB with Whisper-base and 125 kB with Whisper-large.

The file is in ``.dvc/tmp/cache``, outside DVC's outs. Its key hashes the encoder's weights
and code, the clips, their contexts and ``batch_seconds``; other runs share it. So another version
of the code finds no cache, computes its own, and removes those that no run uses. A file of another
size than the clips have is computed again.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from asr.core.errors import InputError
from asr.core.files import atomic_file
from asr.core.locks import dvc_tmp, lock_folder

Output = npt.NDArray[np.float16]  # (num_positions, width)
FILE = "outputs.float16"


class EncoderOutputs:
    """Encoder outputs by position of the clip, each of shape (num_positions, width)."""

    def __init__(self, path: Path, num_positions: Sequence[int], width: int) -> None:
        """Memory-map ``path``; ``num_positions`` of the clips give their offsets."""
        self._starts = np.concatenate([[0], np.cumsum(num_positions)])
        shape = (int(self._starts[-1]), width)
        self._outputs = np.memmap(path, dtype=np.float16, mode="r", shape=shape)

    def __getitem__(self, index: int) -> Output:
        return self._outputs[self._starts[index] : self._starts[index + 1]]


@contextmanager
def encoder_cache(
    key: str,
    num_positions: Sequence[int],
    width: int,
    encode: Callable[[list[int]], Any],
    batch_positions: int,
) -> Iterator[EncoderOutputs]:
    """Yield the outputs cached under ``key``, computed first if missing.

    Inside the block the file stays, and others may read it too.

    The file is written under another name and renamed, so it is complete or absent. A run that is
    killed while it encodes starts over.

    Args:
        key: hash of all that the outputs depend on.
        num_positions: encoder positions of each clip.
        width: size of the encoder's output vector.
        encode: maps indices of clips of one length to outputs of shape (num_clips, num_positions,
            width).
        batch_positions: most positions to encode together; a longer clip is encoded alone.

    Raises:
        InputError: if the disk has too little free space.
    """
    folder = dvc_tmp() / "cache" / f"encoder-{key}"
    path, num_bytes = folder / FILE, 2 * width * sum(num_positions)
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            # Any number of runs, and all processes of one run, read a whole file at once.
            if not _locks(lock, fcntl.LOCK_SH):
                continue
            if not _is_whole(path, num_bytes):
                if not _locks(lock, fcntl.LOCK_EX):
                    continue
                if not _is_whole(path, num_bytes):  # or another run has just written it
                    _write(path, num_positions, width, encode, batch_positions)
            # Opened first: the lock is free for an instant, in which another run may remove it.
            found = EncoderOutputs(path, num_positions, width)
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield found
            return


def _write(
    path: Path,
    num_positions: Sequence[int],
    width: int,
    encode: Callable[[list[int]], Any],
    batch_positions: int,
) -> None:
    """Encode all clips; see ``encoder_cache``."""
    num_bytes = 2 * width * sum(num_positions)
    if path.exists():
        got = path.stat().st_size
        tqdm.write(f"{path}: expected {num_bytes} bytes, got {got}: encoding all clips again")
        path.unlink()
    _free_disk_space(path.parent, num_bytes)
    with atomic_file(path) as partial:
        shape = (sum(num_positions), width)
        outputs = np.memmap(partial, dtype=np.float16, mode="w+", shape=shape)
        starts = np.concatenate([[0], np.cumsum(num_positions)])
        for clips in _batches(num_positions, batch_positions):
            for clip, output in zip(clips, encode(clips), strict=True):
                outputs[starts[clip] : starts[clip + 1]] = output
        outputs.flush()


def _is_whole(path: Path, num_bytes: int) -> bool:
    return path.exists() and path.stat().st_size == num_bytes


def _batches(num_positions: Sequence[int], batch_positions: int) -> Iterator[list[int]]:
    """Batches of clips of equal length, shortest first."""
    by_length: dict[int, list[int]] = {}
    for clip, length in enumerate(num_positions):
        by_length.setdefault(length, []).append(clip)
    with tqdm(total=len(num_positions), unit="clip", desc="encode") as bar:
        for length, clips in sorted(by_length.items()):
            size = max(1, batch_positions // length)
            for start in range(0, len(clips), size):
                yield clips[start : start + size]
                bar.update(len(clips[start : start + size]))


def _locks(lock: IO[str], kind: int) -> bool:
    """Wait for a lock; False if another run has removed the file of the lock meanwhile."""
    fcntl.flock(lock, kind)
    path = Path(lock.name)
    return path.exists() and os.path.samestat(os.fstat(lock.fileno()), path.stat())


def _free_disk_space(folder: Path, num_bytes: int) -> None:
    """Remove unused caches and partial files, then check the free disk space."""
    for partial in folder.glob(".*.partial"):
        partial.unlink()
    for other in folder.parent.glob("encoder-*"):
        if other != folder:
            with lock_folder(other) as held:
                if held:
                    shutil.rmtree(other)
    if (free := shutil.disk_usage(folder).free) < num_bytes:
        raise InputError(
            f"{folder}: expected {num_bytes / 1e9:.1f} GB of free disk for the encoder cache, "
            f"got {free / 1e9:.1f} GB"
        )
