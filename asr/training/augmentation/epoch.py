"""The examples of an epoch: which clips are joined, at which speeds, with which pauses.

All that is random is drawn from one ``random.Random`` in a fixed order. What is drawn alike for
each clip is drawn at once, with the same result.
"""

import random
from collections.abc import Hashable, Sequence
from typing import NamedTuple, overload

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
    joined = _joined(list(to_join.values()), durations_s, limit, join, speed_change, rng)
    return Examples(
        np.concatenate([np.arange(len(singles.seeds)), len(singles.pieces) + joined.first]),
        *(np.concatenate(pair) for pair in zip(singles[1:], joined[1:], strict=True)),
    )


class _Built(NamedTuple):
    """Examples in arrays, as ``Examples`` takes them."""

    first: npt.NDArray[np.int64]
    pieces: npt.NDArray[np.void]
    durations_s: npt.NDArray[np.float64]
    seeds: npt.NDArray[np.int64]


def _singles(
    clips: npt.NDArray[np.int64],
    durations_s: Sequence[float],
    limit: TokenLimit,
    speed_change: SpeedChangeParams,
    rng: random.Random,
) -> _Built:
    """Examples with one clip: all drawn at once."""
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
    durations = np.where(too_long, own_s, seconds)
    return _Built(np.arange(len(clips)), pieces, durations, bits63(words[:, 2:]))


def _joined(
    groups: Sequence[list[int]],
    durations_s: Sequence[float],
    limit: TokenLimit,
    join: JoinParams,
    speed_change: SpeedChangeParams,
    rng: random.Random,
) -> _Built:
    """Examples that join clips of a group.

    Of each, ``rng`` draws the length to fill, the pauses between the clips, their speeds and the
    seed: two words a number.
    """
    num_clips = sum(map(len, groups))
    ahead = random.Random()
    ahead.setstate(rng.getstate())
    words = random_words(ahead, 2 * 3 * num_clips).reshape(3 * num_clips, 2)  # that many at most
    drawn = floats(words)
    clips, sizes = _filled(groups, durations_s, limit, join.max_s, drawn.tolist())
    ends = np.cumsum(1 + 2 * sizes)  # of the numbers of each example
    random_words(rng, 2 * int(ends[-1]) if len(ends) else 0)
    first = np.concatenate([[0], np.cumsum(sizes)])
    example = np.repeat(np.arange(len(sizes)), sizes)
    place = np.arange(num_clips) - first[example]  # of each clip in its example
    # Counted from the end: the pauses but the first clip's, the speeds, the seed.
    speed_at = ends[example] - 1 - sizes[example] + place
    slowest, fastest = 1 - speed_change.most, 1 + speed_change.most
    speeds = slowest + (fastest - slowest) * drawn[speed_at]
    pauses = np.where(place > 0, join.max_pause_s * drawn[speed_at - sizes[example]], 0.0)
    own_s = np.array([durations_s[clip] for clip in clips], np.float64)
    # bincount adds one after the other, as Python's sum did until 3.12 changed its rounding.
    seconds = np.bincount(example, pauses + own_s / speeds, len(sizes))
    tokens = [limit.num_tokens[clip] for clip in clips]
    num_tokens = np.bincount(example, tokens, len(sizes))
    most_tokens = np.array([limit.max_tokens(one) for one in seconds.tolist()])
    too_long = (seconds > limit.max_duration_s) | (num_tokens > most_tokens)
    # Too long: use the original speed without pauses, which fits.
    plain = too_long[example]
    pieces = np.zeros(num_clips, PIECE)
    pieces["index"] = clips
    pieces["speed"] = np.where(plain, 1.0, speeds)
    pieces["pause_s"] = np.where(plain, 0.0, pauses)
    durations = np.where(too_long, np.bincount(example, own_s, len(sizes)), seconds)
    return _Built(first, pieces, durations, bits63(words[ends - 1]))


def _filled(
    groups: Sequence[list[int]],
    durations_s: Sequence[float],
    limit: TokenLimit,
    max_s: float,
    drawn: Sequence[float],
) -> tuple[list[int], npt.NDArray[np.int64]]:
    """Fill examples with the clips of each group, up to a random length or too many tokens.

    Returns:
        All clips in order, and how many of them each example has.
    """
    clips, sizes, at = list[int](), list[int](), 0  # of the next example's numbers in ``drawn``
    num_tokens = limit.num_tokens
    for indices in groups:
        size, tokens, seconds, remaining_s = 0, 0, 0.0, max_s * drawn[at]
        for index in indices:
            own_s = durations_s[index]
            if size and (
                own_s > remaining_s
                or tokens + num_tokens[index] > limit.max_tokens(seconds + own_s)
            ):
                sizes.append(size)
                at += 1 + 2 * size
                size, tokens, seconds, remaining_s = 0, 0, 0.0, max_s * drawn[at]
            size, tokens = size + 1, tokens + num_tokens[index]
            seconds, remaining_s = seconds + own_s, remaining_s - own_s
        clips += indices
        sizes.append(size)
        at += 1 + 2 * size
    return clips, np.array(sizes, np.int64)
