"""What a frozen encoder says of each clip, computed once and kept on disk.

An encoder that doesn't learn says the same of a clip in each epoch, as long as the clip's audio and
context stay the same. So each clip has a context of its own here, not its batch's, and nothing may
change the audio: ``asr/training/params.py`` refuses what would. The outputs lie in one file,
float16, one clip after another, mapped into memory: base takes 50 kB a second of computed audio,
large 125.

The file lies beside training's scratch folder, outside of what DVC owns, under a key of the
encoder's weights, the clips and their contexts. Runs that differ in anything else share it. One
that no run uses is removed as soon as another key is wanted.
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
from asr.core.files import whole_file
from asr.core.locks import dvc_tmp

Output = npt.NDArray[np.float16]  # (num_positions, width)
FILE = "outputs.float16"


class EncoderOutputs:
    """The clips' encoder outputs, a sequence in the clips' order."""

    def __init__(self, path: Path, num_positions: Sequence[int], width: int) -> None:
        """Map ``path``; ``num_positions`` of each clip say where it begins."""
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
    """The outputs under ``key``, computed first if they aren't there; held for the block's time.

    The file is written beside its place and renamed, so it is whole or absent. A run that is killed
    while it writes starts over.

    Args:
        key: of all that the outputs depend on.
        num_positions: of each clip.
        width: of the encoder.
        encode: maps clips of one length to their outputs, shape (clips, num_positions, width).
        batch_positions: that are encoded together, at least one clip's.

    Raises:
        InputError: if the disk has no room.
    """
    folder = dvc_tmp() / "cache" / f"encoder-{key}"
    with _locked(folder) as lock:
        path = folder / FILE
        if not path.exists():
            _make_room(folder, 2 * width * sum(num_positions))
            with whole_file(path) as beside:
                shape = (sum(num_positions), width)
                outputs = np.memmap(beside, dtype=np.float16, mode="w+", shape=shape)
                starts = np.concatenate([[0], np.cumsum(num_positions)])
                for clips in _batches(num_positions, batch_positions):
                    for clip, output in zip(clips, encode(clips), strict=True):
                        outputs[starts[clip] : starts[clip + 1]] = output
                outputs.flush()
        fcntl.flock(lock, fcntl.LOCK_SH)  # others may read along now
        yield EncoderOutputs(path, num_positions, width)


def _batches(num_positions: Sequence[int], batch_positions: int) -> Iterator[list[int]]:
    """Clips of one length each, in an order that is a function of the lengths."""
    by_length: dict[int, list[int]] = {}
    for clip, length in enumerate(num_positions):
        by_length.setdefault(length, []).append(clip)
    with tqdm(total=len(num_positions), unit="clip", desc="encode") as bar:
        for length, clips in sorted(by_length.items()):
            size = max(1, batch_positions // length)
            for start in range(0, len(clips), size):
                yield clips[start : start + size]
                bar.update(len(clips[start : start + size]))


@contextmanager
def _locked(folder: Path) -> Iterator[IO[str]]:
    """Lock ``folder``; waits for another run that computes the same outputs."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Another run may have removed these outputs, which were unused, in between.
            if not (folder / "lock").exists() or not os.path.samestat(
                os.fstat(lock.fileno()), (folder / "lock").stat()
            ):
                continue
            yield lock
            return


def _make_room(folder: Path, num_bytes: int) -> None:
    """Remove what no run uses, and what a killed one left; see that the rest is enough."""
    for partial in folder.glob(".*.partial"):
        partial.unlink()
    for other in folder.parent.glob("encoder-*"):
        if other == folder or not (other / "lock").exists():
            continue
        with (other / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            shutil.rmtree(other)
    if (free := shutil.disk_usage(folder).free) < num_bytes:
        raise InputError(
            f"{folder}: the encoder's cache needs {num_bytes / 1e9:.1f} GB, "
            f"there are {free / 1e9:.1f} GB free"
        )
