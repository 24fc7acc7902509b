"""Qwen3-ASR's labels, for the check before training."""

from collections.abc import Sequence

from asr.families.qwen3_asr.tokens import (
    AFTER_AUDIO,
    AUDIO,
    BEFORE_AUDIO,
    TRANSCRIPT,
    Qwen3AsrTokens,
)
from asr.families.qwen3_asr.training.loss import LossBatch
from asr.training import labels
from asr.training.labels import ClipLabels, LabelRules
from asr.utterances.language import language_name


def label_rules(tokens: Qwen3AsrTokens) -> LabelRules:
    """What the labels must be like; see ``LabelRules``."""

    def spell(ids: Sequence[int]) -> str:
        return str(tokens.tokenizer.decode(list(ids), skip_special_tokens=False))

    def prompts(language: str, _: Sequence[int]) -> list[str]:
        name = language_name(language)
        return [f"{BEFORE_AUDIO}<audio>{AFTER_AUDIO}language {name}{TRANSCRIPT}"]

    return LabelRules(spell, spell, prompts, end=tokens.ends[0])


def clip_labels(tokens: Qwen3AsrTokens, batch: LossBatch) -> list[ClipLabels]:
    """Inputs, targets and log-mel of each clip; the loss shifts the targets by one, as here."""
    audio = batch.inputs == tokens.id(AUDIO)
    read = batch.inputs.masked_fill(audio, labels.AUDIO)[:, :-1].tolist()
    learned = batch.targets[:, 1:].tolist()
    return [ClipLabels(*row) for row in zip(read, learned, batch.heard.log_mel, strict=True)]
