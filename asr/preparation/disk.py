"""Whether the disk has room for a corpus: known before it is decoded, and said when it is full.

The seconds of audio are estimated from the size of the source's files. How many seconds a byte has
is measured on the first recordings, which are decoded for it: that holds for any codec and bit
rate, and for those that are rejected.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from asr.audio.decoding import decode
from asr.audio.stream import UndecodableError
from asr.core.errors import InputError
from asr.core.files import DISK_IS_FULL
from asr.core.locks import dvc_tmp
from asr.corpora.free_space import check_free, existing, free_bytes, gigabytes
from asr.corpora.recording import Recording
from asr.preparation.reuse import PreparationCache
from asr.utterances.waveform import SAMPLE_RATE

SHARD_BYTES_PER_S = 74e6 / 3600  # as measured in asr/utterances/shards.py
SPOOL_BYTES_PER_S = 2 * SAMPLE_RATE  # int16
# What is read to estimate; of a million recordings, 32 show the bytes of a second.
MAX_MEASURED = 32
MAX_MEASURED_S = 300.0
MAX_MEASURED_BYTES = 32 << 20
MAX_SEARCHED = 1000  # for recordings that are not in the cache


class Room:
    """The room that `prepare` needs for one corpus.

    Attributes:
        seconds: of audio that are still to be decoded, estimated; None until ``check`` ran.
    """

    def __init__(
        self, shards: Path, max_input_s: float, *, is_streamed: bool, brought_bytes: int = 0
    ) -> None:
        """Plan for one run.

        Args:
            shards: folder to write.
            max_input_s: of the section ``prepare``.
            is_streamed: whether samples wait in shards of the cache, in place of a spool.
            brought_bytes: of the source's largest file, if it is to be downloaded.

        Raises:
            InputError: if there is no room for that file.
        """
        self._shards, self._max_input_s, self._is_streamed = shards, max_input_s, is_streamed
        self._brought_bytes = brought_bytes
        self.seconds: float | None = None
        check_free(self._needs())

    def check(
        self, recordings: Iterable[Recording], audio_bytes: float, cache: PreparationCache
    ) -> Iterator[Recording]:
        """Return the recordings, once it is known that the disk has room for them.

        Args:
            recordings: of the corpus; the first are read.
            audio_bytes: of all recordings in the source, encoded.
            cache: what it has is not written again.

        Raises:
            InputError: with both numbers, if a disk is too small.
        """
        recordings = iter(recordings)
        searched: list[Recording] = []
        num, size, seconds = 0, 0, 0.0
        for one in islice(recordings, MAX_SEARCHED):
            if len(one.audio) and cache.outcomes(one) is None:
                one = replace(one, audio=bytes(one.audio))  # so that it is brought once
                num, size = num + 1, size + len(one.audio)
                seconds += self._seconds_of(one)
            searched.append(one)
            if num >= MAX_MEASURED or size >= MAX_MEASURED_BYTES or seconds >= MAX_MEASURED_S:
                break
        if size:
            self.seconds = audio_bytes * seconds / size * num / len(searched)
            check_free(self._needs())
        return chain(searched, recordings)

    @contextmanager
    def full_disk_error(self) -> Iterator[None]:
        """Add both numbers to the error of a disk that fills up all the same."""
        try:
            yield
        except (InputError, OSError) as error:
            if not any(os.strerror(code) in str(error) for code in DISK_IS_FULL):
                raise
            needs = self._needs()
            full = min((path for path, _ in needs), key=free_bytes)
            total = gigabytes(sum(num_bytes for _, num_bytes in needs))
            estimated = f" of about {total} that were estimated" if self.seconds else ""
            raise InputError(
                f"{error}: {gigabytes(free_bytes(full))}{estimated} are free in {full}; nothing "
                "that was there before is lost: make room and run the same command again"
            ) from error

    def _seconds_of(self, one: Recording) -> float:
        """Seconds of a recording; 0 if it will be rejected."""
        try:
            return len(decode(bytes(one.audio), self._max_input_s).waveform) / SAMPLE_RATE
        except UndecodableError:
            return 0.0

    def _needs(self) -> list[tuple[Path, float]]:
        seconds = self.seconds or 0.0
        shards, spool = seconds * SHARD_BYTES_PER_S, seconds * SPOOL_BYTES_PER_S
        data, tmp = self._shards.parent, dvc_tmp()
        in_data = 0.0 if self._is_streamed else spool
        in_tmp = self._brought_bytes + (shards if self._is_streamed else 0.0)
        # Shards are written in .dvc/tmp and renamed, or copied to another disk.
        if existing(data).stat().st_dev != existing(tmp).stat().st_dev:
            in_tmp += shards
        return [(data, in_data + shards), (tmp, in_tmp)]
