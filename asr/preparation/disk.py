"""Whether the disk has room for a corpus: known before it is decoded, and said when it is full.

The seconds of audio are estimated from the size of the source's files. How many seconds a byte has
is measured on the first recordings that the cache lacks, which are decoded for it: that holds for
any codec and bit rate, and for those that are rejected.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
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
# Read in a row from the first that the cache lacks, to see what share of them it lacks.
MAX_SEARCHED = 1000
# Of more than these in a row that the cache has, each 16th is asked for: to ask for all of a
# million takes two minutes. So up to 15 may be decoded before the estimate.
MAX_ASKED, EACH = 1000, 16


class Room:
    """The room that `prepare` needs for one corpus.

    Attributes:
        seconds: of audio that are still to be decoded, estimated; None until ``check`` ran.
    """

    def __init__(
        self,
        shards: Path,
        max_input_s: float,
        *,
        is_streamed: bool,
        brought_bytes: int = 0,
        spool: Path | None = None,
    ) -> None:
        """Plan for one run.

        Args:
            shards: folder to write.
            max_input_s: of the section ``prepare``.
            is_streamed: whether samples wait in shards of the cache, in place of a spool.
            brought_bytes: of the source's largest file, if it is to be downloaded.
            spool: folder for downloads; what an earlier run left there needs no room again.

        Raises:
            InputError: if there is no room for that file.
        """
        self._shards, self._max_input_s, self._is_streamed = shards, max_input_s, is_streamed
        self._brought_bytes, self._spool = brought_bytes, spool
        self.seconds: float | None = None
        check_free(self._needs())

    def check(
        self,
        recordings: Iterable[Recording],
        audio_bytes: float,
        cache: PreparationCache,
        later_bytes: float = 0.0,
    ) -> Iterator[Recording]:
        """Yield the recordings; those to be decoded once it is known that the disk has room.

        Args:
            recordings: of the corpus; up to ``MAX_SEARCHED`` are in memory.
            audio_bytes: of all these recordings in the source, encoded.
            cache: what it has is not written again.
            later_bytes: encoded audio that is to be decoded after these recordings.

        Raises:
            InputError: with both numbers, if a disk is too small.
        """
        recordings = iter(recordings)
        searched: list[Recording] = []
        num, size, num_known, known_bytes, seconds = 0, 0, 0, 0, 0.0
        for one in recordings:
            is_asked = searched or num_known < MAX_ASKED or num_known % EACH == 0
            if is_asked and len(one.audio) and cache.outcomes(one) is None:
                one = replace(one, audio=bytes(one.audio))  # so that it is brought once
                num, size = num + 1, size + len(one.audio)
                seconds += self._seconds_of(one)
            elif not searched:
                num_known, known_bytes = num_known + 1, known_bytes + len(one.audio)
                yield one
                continue
            searched.append(one)
            if (
                len(searched) >= MAX_SEARCHED
                or num >= MAX_MEASURED
                or size >= MAX_MEASURED_BYTES
                or seconds >= MAX_MEASURED_S
            ):
                break
        if size:
            lacking = max(size, (audio_bytes - known_bytes) * num / len(searched))
            self.seconds = (lacking + later_bytes) * seconds / size
            check_free(self._needs())
        yield from searched
        yield from recordings

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
        in_tmp = self._bytes_to_bring() + (shards if self._is_streamed else 0.0)
        # Shards are written in .dvc/tmp and renamed, or copied to another disk.
        if existing(data).stat().st_dev != existing(tmp).stat().st_dev:
            in_tmp += shards
        return [(data, in_data + shards), (tmp, in_tmp)]

    def _bytes_to_bring(self) -> int:
        """Of the largest file, those for which what is in the spool leaves no room."""
        there = 0
        for place, folders, names in os.walk(self._spool) if self._spool else ():
            # Downloads are removed before the next one comes; the lists of archives stay.
            folders[:] = [one for one in folders if not one.startswith("list-")]
            for name in names:
                with suppress(FileNotFoundError):  # removed in the meantime
                    there += Path(place, name).stat().st_size
        return max(0, self._brought_bytes - there)
