"""Batches that stay as they are while a corpus grows, so that what came of them can be kept.

Clips of one length of context are parted like a trie's: those that are too many for a batch by the
first bit of their ids' hash, each part that still is by the next bit. A clip that comes in joins
one batch, or parts it in two, and changes no other; filled in order, all batches after it would
change. The price is room: a batch is two thirds full on average.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence

from asr.features.batching import Batch, Seconds

Hashed = tuple[int, int]  # 256 bits, and the clip


def stable_batches(
    ids: Sequence[str], durations_s: Sequence[float], seconds: Seconds, batch_seconds: float
) -> list[Batch]:
    """Batches of clips that need the same context, longest first.

    Args:
        ids: of the clips, all different.
        durations_s: theirs.
        seconds: of audio that the judge computes for a clip.
        batch_seconds: of them in one batch; only a single longer clip exceeds it.
    """
    clips: dict[float, list[Hashed]] = defaultdict(list)
    for clip, (one, duration_s) in enumerate(zip(ids, durations_s, strict=True)):
        hashed = int.from_bytes(hashlib.sha256(one.encode()).digest(), "big")
        clips[seconds(duration_s)].append((hashed, clip))
    return [
        Batch(tuple(clip for _, clip in part), context_s)
        for context_s in sorted(clips, reverse=True)
        for part in _parts(clips[context_s], max(1, int(batch_seconds // context_s)), bit=255)
    ]


def _parts(clips: list[Hashed], max_clips: int, bit: int) -> Iterator[list[Hashed]]:
    if len(clips) <= max_clips:
        if clips:
            yield clips
        return
    for wanted in (0, 1):
        part = [hashed for hashed in clips if hashed[0] >> bit & 1 == wanted]
        yield from _parts(part, max_clips, bit - 1)
