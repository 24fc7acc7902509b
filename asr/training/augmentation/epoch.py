"""The examples of an epoch: which clips are joined, at which speeds, with which pauses.

All that is random is drawn from one ``random.Random`` in a fixed order. What is drawn alike for
each clip is drawn at once, with the same result.
"""

import random
from collections.abc import Hashable, Iterator, Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

from asr.features.draws import bits63, floats, random_words, randoms
from asr.training.augmentation.examples import Example, Piece, TokenLimit
from asr.training.params import JoinParams, SpeedChangeParams

# ``Piece`` in an array.
PIECE = np.dtype([("index", np.int32), ("speed", np.float64), ("pause_s", np.float64)])


class Examples(Sequence[Example]):
    """Examples in arrays, each made on access: 40 bytes a clip, where objects take 500."""

    def __init__(
        self,
        first: npt.NDArray[np.int64],
        pieces: npt.NDArray[np.void],
        durations_s: npt.NDArray[np.float64],
        seeds: npt.NDArray[np.int64],
        order: npt.NDArray[np.int64] | None = None,
    ) -> None:
        """Pieces of one example follow each other.

        Args:
            first: of each example the number of its first piece, and the number of all pieces.
            pieces: of type ``PIECE``.
            durations_s: of each example.
            seeds: of each example.
            order: the examples that this sequence has; None for all.
        """
        self._arrays = first, pieces, durations_s, seeds
        self._order = np.arange(len(seeds)) if order is None else order

    @property
    def durations_s(self) -> npt.NDArray[np.float64]:
        """Seconds of each example."""
        return self._arrays[2][self._order]

    def __len__(self) -> int:
        return len(self._order)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Examples) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice | Sequence[int]) -> "Examples": ...

    def __getitem__(self, index: int | slice | Sequence[int]) -> "Example | Examples":
        """One example, or those of a slice or list of positions."""
        if not isinstance(index, int):
            chosen = index if isinstance(index, slice) else list(index)
            return Examples(*self._arrays, self._order[chosen])
        first, pieces, durations_s, seeds = self._arrays
        one = self._order[index]
        own = pieces[first[one] : first[one + 1]].tolist()
        return Example(
            tuple(Piece(*fields) for fields in own), float(durations_s[one]), int(seeds[one])
        )


def epoch_examples(
    clips: Sequence[int],
    durations_s: Sequence[float],
    groups: Sequence[Hashable],
    limit: TokenLimit,
    join: JoinParams,
    speed_change: SpeedChangeParams,
    rng: random.Random,
) -> Examples:
    """Build the examples of one epoch: each clip once, single or joined to others of its group.

    Args:
        clips: positions of the epoch's clips in the training set; one may come twice.
        durations_s: durations of all clips of the training set, in seconds.
        groups: group of each, such as corpus and language; clips are joined within a group.
        limit: most tokens and seconds of an example.
        join: share of clips to join, and most seconds of joined clips.
        speed_change: largest change of speed.
        rng: random generator.
    """
    shuffled = list(clips)
    rng.shuffle(shuffled)
    order = np.array(shuffled, np.int64)
    is_joined = randoms(rng, len(order)) < join.share
    to_join: dict[Hashable, list[int]] = {}
    for index in order[is_joined].tolist():
        to_join.setdefault(groups[index], []).append(index)
    singles = _singles(order[~is_joined], durations_s, limit, speed_change, rng)
    joined = [
        _with_pauses(together, durations_s, limit, join, speed_change, rng)
        for indices in to_join.values()
        for together in _joined(indices, durations_s, limit, join, rng)
    ]
    sizes = [1] * len(singles[0]) + [len(pieces) for pieces, _, _ in joined]
    return Examples(
        np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]),
        np.concatenate(
            [singles[0], np.array([one for pieces, _, _ in joined for one in pieces], PIECE)]
        ),
        np.concatenate([singles[1], [duration_s for _, duration_s, _ in joined]]),
        np.concatenate([singles[2], np.array([seed for _, _, seed in joined], np.int64)]),
    )


def _singles(
    clips: npt.NDArray[np.int64],
    durations_s: Sequence[float],
    limit: TokenLimit,
    speed_change: SpeedChangeParams,
    rng: random.Random,
) -> tuple[npt.NDArray[np.void], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Pieces, durations and seeds of examples with one clip: all drawn at once."""
    words = random_words(rng, 4 * len(clips)).reshape(len(clips), 4)
    slowest, fastest = 1 - speed_change.most, 1 + speed_change.most
    speeds = slowest + (fastest - slowest) * floats(words[:, :2])
    own_s = np.array([durations_s[clip] for clip in clips.tolist()], np.float64)
    seconds = own_s / speeds
    num_tokens = [limit.num_tokens[clip] for clip in clips.tolist()]
    most_tokens = map(limit.max_tokens, seconds.tolist())
    too_long = np.array(
        [count > most for count, most in zip(num_tokens, most_tokens, strict=True)], bool
    ) | (seconds > limit.max_duration_s)
    # Too long: use the original speed, which fits.
    pieces = np.zeros(len(clips), PIECE)
    pieces["index"], pieces["speed"] = clips, np.where(too_long, 1.0, speeds)
    return pieces, np.where(too_long, own_s, seconds), bits63(words[:, 2:])


def _with_pauses(
    together: list[int],
    durations_s: Sequence[float],
    limit: TokenLimit,
    join: JoinParams,
    speed_change: SpeedChangeParams,
    rng: random.Random,
) -> tuple[list[tuple[int, float, float]], float, int]:
    """Pieces, seconds and seed of an example that joins clips."""
    slowest, fastest, uniform = 1 - speed_change.most, 1 + speed_change.most, rng.uniform
    pauses = [0.0] + [uniform(0, join.max_pause_s) for _ in together[1:]]
    speeds = [uniform(slowest, fastest) for _ in together]
    own = [durations_s[index] for index in together]
    duration_s = sum(p + s / speed for p, s, speed in zip(pauses, own, speeds, strict=True))
    num_tokens = sum([limit.num_tokens[index] for index in together])
    # Too long: use the original speed without pauses, which fits.
    if duration_s > limit.max_duration_s or num_tokens > limit.max_tokens(duration_s):
        pauses, speeds, duration_s = [0.0] * len(own), [1.0] * len(own), sum(own)
    return list(zip(together, speeds, pauses, strict=True)), duration_s, rng.getrandbits(63)


def _joined(
    indices: list[int],
    durations_s: Sequence[float],
    limit: TokenLimit,
    join: JoinParams,
    rng: random.Random,
) -> Iterator[list[int]]:
    """Group clips until they reach a random length, drawn per group, or too many tokens."""
    together: list[int] = []
    remaining_s, num_tokens, seconds = rng.uniform(0, join.max_s), 0, 0.0
    for index in indices:
        grown, grown_s = num_tokens + limit.num_tokens[index], seconds + durations_s[index]
        if together and (durations_s[index] > remaining_s or grown > limit.max_tokens(grown_s)):
            yield together
            together, remaining_s = [], rng.uniform(0, join.max_s)
            grown, grown_s = limit.num_tokens[index], durations_s[index]
        together.append(index)
        remaining_s -= durations_s[index]
        num_tokens, seconds = grown, grown_s
    if together:
        yield together
