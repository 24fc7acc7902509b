"""Labels of a language model that listens, for the check before training."""

from collections.abc import Sequence
from typing import Any

from tokenizers import Tokenizer

from asr.families.speech_llm.tokens import AFTER, BEFORE, end_tokens
from asr.families.speech_llm.training.loss import LossBatch
from asr.training.labels import AUDIO, ClipLabels, LabelRules
from asr.utterances.language import language_name


def label_rules(words: Tokenizer) -> LabelRules:
    """What the labels must be like; see ``LabelRules``."""

    def spell(tokens: Sequence[int]) -> str:
        return str(words.decode(list(tokens), skip_special_tokens=False))

    def prompts(language: str, _: Sequence[int]) -> list[str]:
        return [f"{BEFORE}<audio>{AFTER.format(language=language_name(language))}"]

    end = end_tokens(words)[0]
    return LabelRules(spell, spell, prompts, end=end, dropped=end)


def clip_labels(batch: LossBatch) -> list[ClipLabels]:
    """Inputs, targets and log-mel of each clip; the loss shifts the targets by one, as here."""
    inputs = batch.inputs
    read = inputs.tokens.masked_fill(inputs.is_audio, AUDIO)[:, :-1].tolist()
    learned = batch.targets[:, 1:].tolist()
    mel = inputs.audio.log_mel
    mels: Any = [None] * len(read) if mel is None else mel
    return [ClipLabels(*row) for row in zip(read, learned, mels, strict=True)]
