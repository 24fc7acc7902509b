"""Batches that stay the same while a corpus grows, so that their results can be cached.

Clips with the same context are split as in a trie: if they are too many for a batch, by the first
bit of the hash of their ids; a part that is still too large, by the next bit. A new clip joins one
batch or splits it in two, and changes no other. If batches were filled in order, a new clip would
change all batches after it. The price: a batch is two thirds full on average.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence

from asr.features.batching import Batch, Seconds

Hashed = tuple[int, int]  # 256 bits, and the clip


def stable_batches(
    ids: Sequence[str], durations_s: Sequence[float], seconds: Seconds, batch_seconds: float
) -> list[Batch]:
    """Group clips that need the same context into batches, longest context first.

    Args:
        ids: of the clips, all different.
        durations_s: of the same clips.
        seconds: maps a clip's duration to the seconds that the judge computes for it.
        batch_seconds: most computed seconds of a batch; only a single longer clip exceeds them.
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
