"""Labels of CTC, for the check before training."""

from collections.abc import Sequence

from asr.families.ctc.tokens.description import OF_WAVEFORMS, WHISPER
from asr.families.ctc.tokens.vocabulary import Vocabulary, spelling
from asr.families.ctc.training.loss import LossBatch
from asr.training.labels import ClipLabels, LabelRules


def label_rules(vocabulary: Vocabulary, *, lower: bool) -> LabelRules:
    """What the labels must be like; see ``LabelRules``."""

    def spell(labels: Sequence[int]) -> str:
        return "".join(vocabulary.tokens[label] for label in labels)

    def written(text: str) -> str:
        return vocabulary.text_of(vocabulary.labels(spelling(text, lower=lower)))

    return LabelRules(
        spell=spell,
        text=vocabulary.text_of,
        prompts=lambda language, text: ("",),
        written=written,
        never=frozenset({0}),
        skips_long=True,
    )


def clip_labels(batch: LossBatch, kind: str) -> list[ClipLabels]:
    """Targets and features of each clip, with time as the last axis of the features."""
    features = batch.inputs.features
    if kind != WHISPER and kind not in OF_WAVEFORMS:
        features = features.transpose(1, 2)
    return [
        ClipLabels((), target, row) for target, row in zip(batch.targets, features, strict=True)
    ]
