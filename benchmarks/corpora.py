"""Corpora to measure on: the starter clips, and longer ones made of them.

Speed without the clips' lengths says nothing. Clips of one language are joined with short pauses,
their texts too, to the lengths that other corpora have: ``cv`` like Common Voice, 2 to 10 s and 5 s
in the mean; ``long`` 10 to 30 s, as audio books and lectures are cut.
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
MAX_PAUSE_S = 0.3  # as a speaker leaves between two sentences
Clip = tuple[Waveform, Utterance]

# Seconds that a clip of the corpus lasts, drawn anew for each.
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
        clips: in random order, so that any first few have the lengths of all.
    """

    name: str
    clips: list[Clip]

    def facts(self) -> dict[str, float | int | str]:
        """What a result says of the clips that it was measured on."""
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
        manifest: whose clips are taken or joined.
        count: clips at most; joined ones can be made without end, each from other neighbours.
        seed: of the choice.
    """
    from asr.utterances.shards import Waveforms  # 40 MB of pyarrow, which no racer needs

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
    """Clips of one language one after another, to about the lengths that ``length_s`` draws."""
    languages = [utterance.language for utterance in utterances]
    decks = {
        language: _dealt([i for i, own in enumerate(languages) if own == language], rng)
        for language in sorted(set(languages))
    }
    examples = []
    for _ in range(count):
        # A language comes as often as it does among the clips.
        deck, wanted_s = decks[rng.choice(languages)], length_s(rng)
        pieces: list[Piece] = []
        duration_s = 0.0
        while duration_s < wanted_s:
            index = next(deck)
            pause_s = rng.uniform(0, MAX_PAUSE_S) if pieces else 0.0
            longer_s = duration_s + pause_s + utterances[index].duration_s
            # The nearer of the two to what is wanted; no clip may outlast Whisper's window.
            if pieces and (
                longer_s > MAX_DURATION_S or longer_s - wanted_s > wanted_s - duration_s
            ):
                break
            pieces.append(Piece(index, 1.0, pause_s))
            duration_s = longer_s
        examples.append(Example(tuple(pieces), duration_s, seed=0))
    return examples


def _dealt(deck: list[int], rng: random.Random) -> Iterator[int]:
    """Without end, each clip as often as any other."""
    while True:
        rng.shuffle(deck)
        yield from deck


def arguments(description: str | None) -> argparse.Namespace:
    """The command line that benchmarks over corpora share."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", choices=NAMES, help="this one alone; all where it is not given")
    parser.add_argument("--quick", action="store_true", help="few clips; prints, writes nothing")
    return parser.parse_args()
