"""A Whisper to train; implements ``asr.families.protocols.Trainee``."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from asr.families.whisper.model.decoder import transcribe_batch
from asr.families.whisper.model.model import encoder_width, load, save
from asr.families.whisper.tokens import max_text_tokens, token_counter
from asr.families.whisper.training.example_tokens import Regularization, check_tokens
from asr.families.whisper.training.labels import clip_labels, label_rules
from asr.families.whisper.training.loss import (
    LossBatch,
    SummedLoss,
    cached_loss_batch,
    loss_batch,
)
from asr.families.whisper.training.params import WhisperTrainParams
from asr.families.whisper.training.tuning import layers, make_trainable, weight_groups
from asr.families.whisper.window import context_s, write_margin
from asr.features.batching import LongContext
from asr.networks.whisper_encoder import encode_clips, encoder_version, num_positions
from asr.training.adapter import merge_adapter
from asr.training.labels import ClipLabels, LabelRules
from asr.training.params import TrainParams
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Waveform


class WhisperTrainee:
    """Whisper with some trainable weights; see ``asr.families.protocols.Trainee``."""

    rate_factors: Mapping[str, float] = {}

    def __init__(
        self, base: Path, device: torch.device, train: TrainParams, own: WhisperTrainParams
    ) -> None:
        """Load a transformers folder and mark the weights to train.

        Raises:
            InputError: if the folder holds no Whisper model.
        """
        self._own = own
        self._regularization = Regularization(
            spec_augment=train.spec_augment,
            token_dropout=own.token_dropout,
            subword_dropout=own.subword_dropout,
            timestamps=own.timestamps.share,
            previous_text=own.previous_text.share,
        )
        self.whisper = load(base, device)
        check_tokens(self.whisper, self._regularization)
        make_trainable(self.whisper, train, own)
        self.network: nn.Module = self.whisper.network
        self._count_tokens = token_counter(self.whisper.tokenizer)
        # Once: a million lookups in transformers' configs take 8 s.
        generation = self.whisper.network.generation_config
        self._max_labels = max_text_tokens(self.whisper.max_tokens, generation)
        self.weight_groups = weight_groups(self.whisper)
        self.summed_loss: nn.Module = SummedLoss(self.whisper)
        self.cache_encoder = own.cache_encoder
        self.encoder_width = encoder_width(self.whisper)
        self.long_context = LongContext(
            own.long_context.share,
            own.long_context.max_s,
            own.long_context.zeros_share,
            rounded=lambda seconds: context_s(seconds, 0.0),
        )

    def seconds(self, duration_s: float) -> float:
        """Clip plus margin in seconds, rounded up to ``STEP_S``."""
        return context_s(duration_s, self._own.margin_s)

    def num_labels(self, text: str, language: str) -> int:
        """Number of tokens of a transcript, without prompt and end token."""
        return self._count_tokens(text)

    def max_labels(self, duration_s: float) -> int:
        """Decoder positions that the prompt leaves free, whatever the length of the clip."""
        return self._max_labels

    def batch(
        self,
        waveforms: Sequence[Waveform],
        utterances: Sequence[Utterance],
        context_s: float,
        seeds: Sequence[int] | None,
        *,
        zeros: bool,
    ) -> LossBatch:
        """See ``loss_batch``."""
        changes = None if seeds is None else self._regularization
        return loss_batch(
            self.whisper, waveforms, utterances, context_s, changes, seeds or (), zeros=zeros
        )

    @property
    def label_rules(self) -> LabelRules:
        """See ``asr.families.protocols.Trainee``."""
        return label_rules(self.whisper, self._regularization)

    def clip_labels(self, batch: LossBatch) -> list[ClipLabels]:
        """See ``asr.families.protocols.Trainee``."""
        return clip_labels(batch)

    def transcribe(
        self,
        waveforms: Sequence[Waveform],
        utterances: Sequence[Utterance],
        context_s: float,
        budgets: Sequence[int],
    ) -> list[Hypothesis]:
        """See ``transcribe_batch``."""
        return transcribe_batch(self.whisper, waveforms, utterances, context_s, budgets, 1)

    def save(self, out: Path) -> None:
        """Merge the adapter, if any; write a transformers folder and the margin of training."""
        merge_adapter(self.network)
        save(self.whisper.network, self.whisper.processor, out)
        write_margin(out, self._own.margin_s)

    @property
    def layers(self) -> Sequence[nn.Module]:
        """All layers of encoder and decoder."""
        return layers(self.whisper)

    def encoder_version(self) -> str:
        """See ``encoder_version``."""
        return encoder_version(self.whisper.network.model.encoder)

    def num_positions(self, context_s: float) -> int:
        """See ``num_positions``."""
        return num_positions(context_s)

    def encode(self, waveforms: Sequence[Waveform], context_s: float) -> npt.NDArray[np.float32]:
        """See ``encode_clips``."""
        return encode_clips(self.whisper.network.model.encoder, waveforms, context_s)

    def cached_batch(
        self,
        outputs: Sequence[npt.NDArray[np.float16]],
        utterances: Sequence[Utterance],
        seeds: Sequence[int] | None,
    ) -> LossBatch:
        """See ``cached_loss_batch``."""
        changes = None if seeds is None else self._regularization
        return cached_loss_batch(self.whisper, outputs, utterances, changes, seeds or ())
