"""List the likeliest hypotheses of each clip, and let a language model choose among them."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from asr.core.errors import InputError
from asr.families.protocols import Engine
from asr.language_model.model import LanguageModel, load_models
from asr.language_model.params import LmParams
from asr.language_model.rescore import scored, tune
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Waveform

# Transcribes utterances with an engine; returns the hypotheses and the seconds that it took.
Transcribe = Callable[[Engine, Sequence[Utterance]], tuple[list[Hypothesis], float]]


@runtime_checkable
class HasCandidates(Protocol):
    """An engine that lists several hypotheses of a clip."""

    def candidates(
        self,
        waveforms: Sequence[Waveform],
        utterances: Sequence[Utterance],
        context_s: float,
        budgets: Sequence[int],
        num: int,
    ) -> list[list[Hypothesis]]:
        """Find up to ``num`` hypotheses of each clip, the search's own choice first.

        The other arguments are those of ``asr.families.protocols.Engine.transcribe``.
        """


class ListingEngine:
    """An engine that keeps the candidates of each clip in ``lists``, by utterance id.

    ``transcribe_all`` decodes a clip that ran away again; the second list then replaces the first
    if its own choice did not run away.
    """

    def __init__(self, engine: Engine, num: int) -> None:
        """Wrap an engine.

        Raises:
            InputError: if it lists no candidates.
        """
        if not isinstance(engine, HasCandidates):
            raise InputError(
                f"lm.weight: expected none with {type(engine).__name__}, which lists one "
                "hypothesis a clip, got dev"
            )
        self._engine, self._num = engine, num
        self.num_workers, self.device = engine.num_workers, engine.device
        self.lists: dict[str, list[Hypothesis]] = {}

    def transcribe(
        self,
        waveforms: Sequence[Waveform],
        utterances: Sequence[Utterance],
        context_s: float,
        budgets: Sequence[int],
    ) -> list[Hypothesis]:
        """See ``asr.families.protocols.Engine.transcribe``."""
        lists = self._engine.candidates(waveforms, utterances, context_s, budgets, self._num)
        for utterance, found in zip(utterances, lists, strict=True):
            if utterance.id not in self.lists or not found[0].runaway:
                self.lists[utterance.id] = found
        return [found[0] for found in lists]


@dataclass(frozen=True)
class Rescored:
    """Hypotheses that a language model helped to choose.

    Attributes:
        hypotheses: in the order of the utterances.
        seconds: of decoding and choosing, without dev.
        changes: weights by language, and the texts that changed, for a JSON file.
    """

    hypotheses: list[Hypothesis]
    seconds: float
    changes: dict[str, Any]


def transcribe_with_lm(
    engine: Engine,
    transcribe: Transcribe,
    test: Sequence[Utterance],
    dev: Sequence[Utterance],
    folder: Path,
    params: LmParams,
) -> Rescored:
    """Transcribe ``test`` with the language models in ``folder``, with weights tuned on ``dev``.

    Each language has its own model and weights. In a language without a model the search's own
    choice stays, and in one without dev utterances too, but for hot words.
    """
    models = load_models(folder, params.hot_words)
    if unused := sorted(params.hot_words.keys() - models.keys()):
        print(f"lm.hot_words: not used in {', '.join(unused)}: {folder} has {', '.join(models)}")
    listing = ListingEngine(engine, params.num_candidates)
    languages = {one.language for one in test} & models.keys()
    weights, described = {}, {}
    for language in sorted(languages):
        own = [one for one in dev if one.language == language]
        few = random.Random(0).sample(own, min(len(own), params.num_dev_utterances))
        transcribe(listing, few)
        lists = {one.id: scored(listing.lists[one.id], models[language]) for one in few}
        tuned = tune(few, lists, params, language)
        weights[language], described[language] = tuned.weights, tuned.described()
    found, seconds = transcribe(listing, test)
    started = time.perf_counter()
    chosen = [
        _chosen(first, one, listing.lists, models, weights)
        for first, one in zip(found, test, strict=True)
    ]
    changed = [
        {"id": after.id, "without": before.text, "with": after.text}
        for before, after in zip(found, chosen, strict=True)
        if before.text != after.text
    ]
    seconds += time.perf_counter() - started
    return Rescored(chosen, seconds, {"languages": described, "changed": changed})


def _chosen(
    first: Hypothesis,
    utterance: Utterance,
    lists: Mapping[str, Sequence[Hypothesis]],
    models: Mapping[str, LanguageModel],
    weights: Mapping[str, Any],
) -> Hypothesis:
    language = utterance.language
    if language not in weights:
        return first
    candidates = scored(lists[utterance.id], models[language])
    return candidates.hypotheses[candidates.best(weights[language])]
