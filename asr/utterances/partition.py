"""Cut a corpus into shards, so that a clip more changes few of them."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from asr.core.hashing import hash64

Clip = TypeVar("Clip")


def partition(
    clips: Iterable[Clip], max_bytes: int, measure: Callable[[Clip], tuple[str, int]]
) -> Iterator[list[Clip]]:
    """Cut clips into lists, one for each shard, in their order.

    The ids near the end of a shard decide where it ends, not the number of clips before. So a new
    clip changes its own shard and few after it, and DVC stores and uploads no others again. Once a
    shard is three quarters full, it ends before the first clip with a low hash; there is one in
    each sixteenth of a shard on average.

    Args:
        clips: in their order.
        max_bytes: as ``write_shards``.
        measure: a clip's id, and its size in bytes.
    """
    shard: list[Clip] = []
    filled = 0
    for clip in clips:
        utterance_id, size = measure(clip)
        if shard and (
            filled + size > max_bytes
            or (4 * filled > 3 * max_bytes and hash64(utterance_id) / 2**64 < 16 * size / max_bytes)
        ):
            yield shard
            shard, filled = [], 0
        shard.append(clip)
        filled += size
    if shard:
        yield shard
