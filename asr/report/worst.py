"""Select utterances to show with audio: those with most errors, and some that are right."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.alignment.words import Word as TimedWord
from asr.report.word_diff import Word, word_diff
from asr.scoring.score import Scored
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.shards import read_waveforms
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Waveform


@dataclass(frozen=True)
class ModelResult:
    """One model's score of an utterance, the alignment with the reference, and its confidence.

    ``confidence`` is the geometric mean of the tokens' probabilities, from 0 to 1.
    """

    scored: Scored
    words: list[Word]
    confidence: float


@dataclass(frozen=True)
class Example:
    """One utterance of the page.

    ``spoken`` are its words with their times, those of the reference or of the tuned model's
    hypothesis; empty if it was not aligned.
    """

    utterance: Utterance
    waveform: Waveform
    base: ModelResult
    tuned: ModelResult
    spoken: Sequence[TimedWord]

    @property
    def speaks_reference(self) -> bool:
        """Whether ``spoken`` are the words of the reference."""
        return [word.text for word in self.spoken] == self.utterance.text.split()


Pairs = Sequence[tuple[Scored, Scored]]  # an utterance's scores of base and tuned model


def worst_pairs(base: Sequence[Scored], tuned: Sequence[Scored], most: int) -> Pairs:
    """Return the utterances with most word errors in ``tuned``, ties by character errors.

    Args:
        base: the base model's scores.
        tuned: the tuned model's scores of the same utterances in the same order.
        most: maximum number; utterances without a word error are left out.
    """
    pairs = [(a, b) for a, b in zip(base, tuned, strict=True) if b.words.num_errors]
    return sorted(pairs, key=lambda pair: _sort_key(pair[1]))[:most]


def right_pairs(base: Sequence[Scored], tuned: Sequence[Scored], most: int) -> Pairs:
    """Return the longest utterances without an error in ``tuned``; see ``worst_pairs``."""
    pairs = [(a, b) for a, b in zip(base, tuned, strict=True) if not b.chars.num_errors]
    longest = lambda pair: (-pair[1].words.num_reference, pair[1].utterance.id)  # noqa: E731
    return sorted(pairs, key=longest)[:most]


def examples_of(
    pairs: Pairs,
    hypotheses: Mapping[str, Mapping[str, Hypothesis]],
    spoken: Mapping[str, Sequence[TimedWord]],
    prepared: Path,
) -> list[Example]:
    """Read the audio of utterances and align their texts.

    Args:
        pairs: scores of the utterances.
        hypotheses: by model, ``base`` and ``tuned``, then by utterance.
        spoken: words with times, by utterance.
        prepared: folder of the corpora's prepared folders.

    Raises:
        InputError: if the audio is missing or does not match the utterance.
    """
    waveforms = read_waveforms(prepared, [after.utterance for _, after in pairs])
    return [
        Example(
            utterance=after.utterance,
            waveform=waveform,
            base=_model_result(before, hypotheses["base"]),
            tuned=_model_result(after, hypotheses["tuned"]),
            spoken=spoken.get(after.utterance.id, ()),
        )
        for (before, after), waveform in zip(pairs, waveforms, strict=True)
    ]


def _sort_key(scored: Scored) -> tuple[int, int, str]:
    return -scored.words.num_errors, -scored.chars.num_errors, scored.utterance.id


def _model_result(scored: Scored, hypotheses: Mapping[str, Hypothesis]) -> ModelResult:
    confidence = math.exp(hypotheses[scored.utterance.id].mean_log_prob)
    return ModelResult(scored, word_diff(scored.reference, scored.hypothesis), confidence)
