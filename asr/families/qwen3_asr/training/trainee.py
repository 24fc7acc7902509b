"""A Qwen3-ASR to train; implements ``asr.families.protocols.Trainee``."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from asr.families.qwen3_asr.model.model import copy_processor, load, save
from asr.families.qwen3_asr.model.transcribe import transcribe_batch
from asr.families.qwen3_asr.tokens import name_unlisted
from asr.families.qwen3_asr.training.labels import clip_labels, label_rules
from asr.families.qwen3_asr.training.loss import LossBatch, SummedLoss, loss_batch
from asr.families.qwen3_asr.training.params import Qwen3AsrTrainParams
from asr.families.qwen3_asr.training.tuning import layers, make_trainable, weight_groups
from asr.families.qwen3_asr.window import computed_seconds
from asr.training.adapter import merge_adapter
from asr.training.labels import ClipLabels, LabelRules
from asr.training.params import TrainParams
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Waveform


class Qwen3AsrTrainee:
    """Qwen3-ASR with some trainable weights; see ``asr.families.protocols.Trainee``."""

    long_context = None

    def __init__(
        self, base: Path, device: torch.device, train: TrainParams, own: Qwen3AsrTrainParams
    ) -> None:
        """Load a transformers folder and mark the weights to train.

        Raises:
            InputError: if the folder holds no Qwen3-ASR.
        """
        self._masks = train.spec_augment
        self._languages: set[str] = set()
        self.model = load(base, device)
        make_trainable(self.model, train, own)
        self.network: nn.Module = self.model.network
        self.summed_loss: nn.Module = SummedLoss(self.model)
        self.weight_groups = weight_groups(self.model)
        self.rate_factors: Mapping[str, float] = {
            "projector": own.projector_rate,
            "audio_tower": own.audio_tower_rate,
        }

    def seconds(self, duration_s: float) -> float:
        """Whole seconds."""
        return computed_seconds(duration_s)

    def num_labels(self, text: str, language: str) -> int:
        """See ``TextTokens``."""
        self._languages.add(language)
        return self.model.tokens.num_labels(text, language)

    def max_labels(self, duration_s: float) -> int:
        """See ``TextTokens``."""
        return self.model.tokens.max_labels(duration_s)

    def batch(
        self,
        waveforms: Sequence[Waveform],
        utterances: Sequence[Utterance],
        context_s: float,
        seeds: Sequence[int] | None,
        *,
        zeros: bool,
    ) -> LossBatch:
        """See ``loss_batch``; what follows a clip is always zeros in the log-mel."""
        name_unlisted(self._languages)
        masks = None if seeds is None else self._masks
        return loss_batch(self.model, waveforms, utterances, context_s, masks, seeds or ())

    @property
    def label_rules(self) -> LabelRules:
        """See ``asr.families.protocols.Trainee``."""
        return label_rules(self.model.tokens)

    def clip_labels(self, batch: LossBatch) -> list[ClipLabels]:
        """See ``asr.families.protocols.Trainee``."""
        return clip_labels(self.model.tokens, batch)

    def transcribe(
        self,
        waveforms: Sequence[Waveform],
        utterances: Sequence[Utterance],
        context_s: float,
        budgets: Sequence[int],
    ) -> list[Hypothesis]:
        """See ``transcribe_batch``; budgets by the reference alone end loops."""
        return transcribe_batch(self.model, waveforms, utterances, context_s, budgets, 1, 0)

    def save(self, out: Path) -> None:
        """Merge the adapter, if any, and write a transformers folder."""
        merge_adapter(self.network)
        save(self.network, out)
        copy_processor(self.model.folder, out)

    @property
    def layers(self) -> Sequence[nn.Module]:
        """All layers of tower and language model."""
        return layers(self.model)
