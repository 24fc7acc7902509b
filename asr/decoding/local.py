"""Transcribe a test set with this machine's engine, and with a language model if one is chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr.decoding.candidates import transcribe_with_lm
from asr.decoding.transcribe import (
    Decoding,
    opened_engine,
    tokens_per_letter,
    transcribe_all,
    unknown_letters,
)
from asr.families.protocols import Engine, family_module
from asr.language_model.params import LmParams
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.shards import Waveforms
from asr.utterances.utterance import Utterance

NO_CHANGES: dict[str, Any] = {"languages": {}, "changed": []}  # without a language model


@dataclass(frozen=True)
class TextHelp:
    """What text adds to the decoding of speech.

    Attributes:
        params: section ``lm``.
        folder: with language models, used if ``lm.weight`` is ``dev``.
        train: shows how many tokens a letter takes in each language.
        dev: tunes the weights of the language models.
    """

    params: LmParams
    folder: Path
    train: Sequence[Utterance]
    dev: Sequence[Utterance]


@dataclass(frozen=True)
class Transcribed:
    """A transcribed test set.

    Attributes:
        hypotheses: in the order of the utterances.
        seconds: of decoding and of choosing by a language model.
        device: that decoded.
        changes: the weights of the language models, the texts that they changed, and how many
            letters the model can't write.
    """

    hypotheses: list[Hypothesis]
    seconds: float
    device: str
    changes: dict[str, Any]


def transcribe_test_set(
    how: Decoding, prepared: Path, utterances: Sequence[Utterance], text: TextHelp
) -> Transcribed:
    """Transcribe utterances, in their order; ``prepared`` has one folder a corpus."""
    computed = family_module(how.family, "decoding").computed_seconds(how.model, how.own)
    tokens = family_module(how.family, "tokens").open_tokens(how.model)
    per_letter = tokens_per_letter(text.train, tokens)
    lacking = unknown_letters(utterances, tokens, how.model)
    with opened_engine(how.family, how.machine, how.decode, how.own, how.model) as engine:

        def decode(engine: Engine, some: Sequence[Utterance]) -> tuple[list[Hypothesis], float]:
            clips = Waveforms(prepared, some)
            return transcribe_all(engine, clips, some, computed, how.decode, per_letter)

        if text.params.weight == "none":
            hypotheses, seconds = decode(engine, utterances)
            return Transcribed(hypotheses, seconds, engine.device, NO_CHANGES | lacking)
        found = transcribe_with_lm(engine, decode, utterances, text.dev, text.folder, text.params)
        return Transcribed(found.hypotheses, found.seconds, engine.device, found.changes | lacking)
