"""Whisper's labels, for the check before training."""

from collections.abc import Sequence
from typing import Any

from asr.families.whisper.model.model import Whisper
from asr.families.whisper.tokens import TIMESTAMP
from asr.families.whisper.tokens.languages import language_token
from asr.families.whisper.training.example_tokens import START_OF_PREVIOUS, Regularization
from asr.families.whisper.training.loss import LossBatch
from asr.training.labels import ClipLabels, LabelRules

# Written out, so that a fault in what builds the prompt is not expected too.
PROMPT, ENGLISH_PROMPT = "<|startoftranscript|>{language}<|transcribe|>", "<|startoftranscript|>"
NO_TIMESTAMPS = "<|notimestamps|>"


def label_rules(whisper: Whisper, regularization: Regularization) -> LabelRules:
    """What the labels must be like; timestamps and previous texts only where they are on."""
    tokenizer = whisper.tokenizer
    timed, prompted = regularization.timestamps > 0, regularization.previous_text > 0
    generation: Any = whisper.network.generation_config

    def spell(tokens: Sequence[int]) -> str:
        return str(tokenizer.decode(list(tokens), skip_special_tokens=False))

    def text(tokens: Sequence[int]) -> str:
        return TIMESTAMP.sub("", spell(tokens)) if timed else spell(tokens)

    def prompts(language: str, labels: Sequence[int]) -> list[str]:
        prompt = ENGLISH_PROMPT
        if generation.is_multilingual:
            token = generation.lang_to_id[language_token(language, generation.lang_to_id)]
            prompt = PROMPT.format(language=tokenizer.id_to_token(token))
        return [prompt if timed and TIMESTAMP.search(spell(labels)) else prompt + NO_TIMESTAMPS]

    end: int = generation.eos_token_id
    return LabelRules(
        spell,
        text,
        prompts,
        start=generation.decoder_start_token_id,
        before_start=tokenizer.token_to_id(START_OF_PREVIOUS) if prompted else None,
        end=end,
        dropped=end,
    )


def clip_labels(batch: LossBatch) -> list[ClipLabels]:
    """Inputs, targets and log-mel of each clip; a cached batch has no log-mel."""
    rows = zip(batch.inputs.tolist(), batch.targets.tolist(), strict=True)
    mels: Any = [None] * len(batch.inputs) if batch.log_mel is None else batch.log_mel
    return [ClipLabels(*row, mel) for row, mel in zip(rows, mels, strict=True)]
