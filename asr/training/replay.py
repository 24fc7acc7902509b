"""Replay: clips of corpora that are not scored, mixed into training against forgetting.

A model that learns one language loses others. Some of their clips in each epoch slow that down.
"""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import Field

from asr.core.errors import InputError
from asr.core.schema import Schema
from asr.utterances.utterance import Utterance, read_manifest


class ReplayParams(Schema):
    """Section ``train.replay``."""

    share: float = Field(ge=0, lt=1)


def to_replay(manifest: Path, params: ReplayParams) -> list[Utterance]:
    """The clips of replay corpora; none of them is read if their share is 0.

    Raises:
        InputError: if there is a share and no clip.
    """
    utterances = read_manifest(manifest) if params.share else []
    if params.share and not utterances:
        raise InputError(
            f"{manifest}: expected clips for train.replay.share {params.share:g}, got none; mark a "
            "corpus with replay: true and run the stage split"
        )
    return utterances


def clips_per_epoch(num_scored: int, share: float) -> int:
    """Replayed clips of an epoch: ``share`` of all its clips, at least one if that is above 0.

    Args:
        num_scored: clips of the corpora that are scored; an epoch has each of them once.
        share: ``train.replay.share``.
    """
    return max(1, round(num_scored * share / (1 - share))) if share else 0


def replayed_by_epoch(clips: Sequence[int], num_per_epoch: int, seed: int) -> Iterator[list[int]]:
    """Yield the clips to replay in each epoch, without end.

    No clip comes again before all others came, however many epochs that takes.
    """
    rng = random.Random(f"{seed}-replay")  # of its own: the other draws are the same without replay
    remaining: list[int] = []
    while True:
        while clips and len(remaining) < num_per_epoch:
            remaining += rng.sample(clips, len(clips))
        yield remaining[:num_per_epoch]
        remaining = remaining[num_per_epoch:]
