"""Corpora for benchmarks: the starter clips, and longer clips made of them.

Speed depends on the clips' lengths. So clips of one language and their texts are joined, with short
pauses, to the lengths of other corpora: ``cv`` like Common Voice, 2 to 10 s and 5 s in the mean;
``long`` 10 to 30 s, like segments of audio books and lectures.
"""

import argparse
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.families.whisper.window import MAX_DURATION_S
from asr.training.augmentation.examples import Example, Piece, example_utterance, example_waveform
from asr.utterances.utterance import Utterance, read_manifest
from asr.utterances.waveform import Waveform

PREPARED = Path("data/prepared")
MAX_PAUSE_S = 0.3  # like the pause between two spoken sentences
Clip = tuple[Waveform, Utterance]

# Draws the duration of each clip, in seconds.
LENGTHS: dict[str, Callable[[random.Random], float]] = {
    "cv": lambda rng: min(10.0, max(2.0, rng.lognormvariate(1.53, 0.4))),
    "long": lambda rng: rng.uniform(10.0, MAX_DURATION_S),
}
NAMES = ("starter", *LENGTHS)


@dataclass(frozen=True)
class Corpus:
    """Clips to measure on.

    Attributes:
        name: one of ``NAMES``.
        clips: in random order, so that the first n are a fair sample of the lengths.
    """

    name: str
    clips: list[Clip]

    def facts(self) -> dict[str, float | int | str]:
        """Number and durations of the clips, to store with a result."""
        durations_s = sorted(utterance.duration_s for _, utterance in self.clips)
        return {
            "corpus": self.name,
            "count": len(durations_s),
            "mean_s": round(sum(durations_s) / len(durations_s), 2),
            "median_s": round(durations_s[len(durations_s) // 2], 2),
            "shortest_s": round(durations_s[0], 2),
            "longest_s": round(durations_s[-1], 2),
        }


def read_corpus(name: str, manifest: Path, count: int, seed: int = 1) -> Corpus:
    """Clips of a corpus, the same ones each time.

    Args:
        name: one of ``NAMES``.
        manifest: of the clips to use or to join.
        count: clips at most; the number of joined clips has no limit.
        seed: of the choice.
    """
    # pyarrow takes 40 MB, which must not count for the tools' processes that import this module.
    from asr.utterances.shards import Waveforms

    utterances = read_manifest(manifest)
    waveforms = Waveforms(PREPARED, utterances)
    rng = random.Random(f"{name}-{seed}")
    if name == "starter":
        chosen = rng.sample(range(len(utterances)), min(count, len(utterances)))
        return Corpus(name, [(waveforms[i], utterances[i]) for i in chosen])
    examples = joined(utterances, LENGTHS[name], count, rng)
    return Corpus(
        name,
        [
            (
                example_waveform(one, waveforms),
                example_utterance(one, utterances).model_copy(update={"id": f"{name}/{n}"}),
            )
            for n, one in enumerate(examples)
        ],
    )


def joined(
    utterances: Sequence[Utterance],
    length_s: Callable[[random.Random], float],
    count: int,
    rng: random.Random,
) -> list[Example]:
    """Join clips of one language to about the durations that ``length_s`` draws."""
    languages = [utterance.language for utterance in utterances]
    indices_of = {
        language: _shuffled_endlessly(
            [i for i, own in enumerate(languages) if own == language], rng
        )
        for language in sorted(set(languages))
    }
    examples = []
    for _ in range(count):
        # Choose a language in proportion to its number of clips.
        indices, wanted_s = indices_of[rng.choice(languages)], length_s(rng)
        pieces: list[Piece] = []
        duration_s = 0.0
        while duration_s < wanted_s:
            index = next(indices)
            pause_s = rng.uniform(0, MAX_PAUSE_S) if pieces else 0.0
            longer_s = duration_s + pause_s + utterances[index].duration_s
            # Stop if one more clip exceeds Whisper's window or takes the duration further away.
            if pieces and (
                longer_s > MAX_DURATION_S or longer_s - wanted_s > wanted_s - duration_s
            ):
                break
            pieces.append(Piece(index, 1.0, pause_s))
            duration_s = longer_s
        examples.append(Example(tuple(pieces), duration_s, seed=0))
    return examples


def _shuffled_endlessly(indices: list[int], rng: random.Random) -> Iterator[int]:
    """Yield all indices in random order, then all again in another order, without end."""
    while True:
        rng.shuffle(indices)
        yield from indices


def arguments(description: str | None) -> argparse.Namespace:
    """The command line that benchmarks over corpora share."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", choices=NAMES, help="only this one; all if unset")
    parser.add_argument("--quick", action="store_true", help="few clips; prints, writes nothing")
    return parser.parse_args()
