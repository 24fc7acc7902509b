"""A model to train; implements ``asr.families.protocols.Trainee``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from asr.families.speech_llm.model.inputs import Audio, audio_of, cached_audio
from asr.families.speech_llm.model.model import SpeechLlm, load, save
from asr.families.speech_llm.model.transcribe import transcribe
from asr.families.speech_llm.tokens import SpeechLlmTokens
from asr.families.speech_llm.training.labels import clip_labels, label_rules
from asr.families.speech_llm.training.loss import LossBatch, SummedLoss, loss_batch
from asr.families.speech_llm.training.params import SpeechLlmTrainParams
from asr.families.speech_llm.window import context_s, num_positions
from asr.features.log_mel import HOP
from asr.networks.whisper_encoder import encode_clips, encoder_version
from asr.training.adapter import add_adapter, merge_adapter
from asr.training.augmentation.spec_augment import spec_augment
from asr.training.labels import ClipLabels, LabelRules
from asr.training.params import TrainParams
from asr.utterances.hypothesis import Hypothesis
from asr.utterances.utterance import Utterance
from asr.utterances.waveform import Waveform

# Attention and feed-forward of the language model; plain names would match the encoder's too.
LORA_MODULES = r"language_model\..*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"


class SpeechLlmTrainee:
    """The model with some trainable weights; see ``asr.families.protocols.Trainee``."""

    weight_groups: Mapping[str, Sequence[str]] = {
        "projector": ["projector."],
        "language_model": ["language_model."],
        "embedding": ["language_model.model.embed_tokens.", "language_model.lm_head."],
    }
    long_context = None  # a clip's embeddings do not depend on what follows it

    def __init__(
        self, base: Path, device: torch.device, train: TrainParams, own: SpeechLlmTrainParams
    ) -> None:
        """Load a model folder and mark the weights to train.

        Raises:
            InputError: if the folder holds no model of the family.
        """
        self._train, self._own = train, own
        self.model = load(base, device)
        make_trainable(self.model, train)
        self.network: nn.Module = self.model
        self.summed_loss: nn.Module = SummedLoss(self.model, own.ctc_share)
        self.rate_factors: Mapping[str, float] = {"projector": own.projector_rate}
        self.cache_encoder = own.cache_encoder
        self.encoder_width = int(self.model.encoder.config.d_model)
        self._tokens = SpeechLlmTokens(self.model.words, self.model.joint, self.model.max_positions)

    def seconds(self, duration_s: float) -> float:
        """Clip plus margin in seconds, rounded up to ``STEP_S``."""
        return context_s(duration_s, self.model.joint.margin_s)

    def num_labels(self, text: str, language: str) -> int:
        """See ``TextTokens``."""
        return self._tokens.num_labels(text, language)

    def max_labels(self, duration_s: float) -> int:
        """See ``TextTokens``."""
        return self._tokens.max_labels(duration_s)

    def batch(
        self,
        waveforms: Sequence[Waveform],
        utterances: Sequence[Utterance],
        context_s: float,
        seeds: Sequence[int] | None,
        *,
        zeros: bool,
    ) -> LossBatch:
        """Build a batch; each clip has its own context, whatever ``context_s`` is."""

        def masked(mel: torch.Tensor, index: int) -> torch.Tensor:
            if seeds is None:
                return mel
            generator = torch.Generator().manual_seed(seeds[index])
            frames = len(waveforms[index]) // HOP
            return spec_augment(mel, [frames], self._train.spec_augment, [generator])

        audio = audio_of(self.model, waveforms, masked)
        return self._with_transcripts(audio, utterances, seeds)

    @property
    def label_rules(self) -> LabelRules:
        """See ``asr.families.protocols.Trainee``."""
        return label_rules(self.model.words)

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
        """Transcribe greedily; see ``model/transcribe.py``."""
        return transcribe(self.model, waveforms, utterances, budgets, 1, max_repeats=0)

    def save(self, out: Path) -> None:
        """Merge the adapter, if any, and write the model folder."""
        merge_adapter(self.model)
        save(self.model, out)

    @property
    def layers(self) -> Sequence[nn.Module]:
        """The language model's layers."""
        return list(self.model.language_model.get_decoder().layers)

    def encoder_version(self) -> str:
        """See ``asr.networks.whisper_encoder.encoder_version``."""
        return encoder_version(self.model.encoder)

    def num_positions(self, context_s: float) -> int:
        """See ``num_positions``."""
        return num_positions(context_s)

    def encode(self, waveforms: Sequence[Waveform], context_s: float) -> npt.NDArray[np.float32]:
        """See ``encode_clips``."""
        return encode_clips(self.model.encoder, waveforms, context_s)

    def cached_batch(
        self,
        outputs: Sequence[npt.NDArray[np.float16]],
        utterances: Sequence[Utterance],
        seeds: Sequence[int] | None,
    ) -> LossBatch:
        """Build the batch of ``batch`` from cached encoder outputs."""
        return self._with_transcripts(cached_audio(outputs), utterances, seeds)

    def _with_transcripts(
        self, audio: Audio, utterances: Sequence[Utterance], seeds: Sequence[int] | None
    ) -> LossBatch:
        dropout = 0.0 if seeds is None else self._own.token_dropout
        return loss_batch(self.model, audio, utterances, dropout, seeds or ())


def make_trainable(model: SpeechLlm, params: TrainParams) -> None:
    """Mark the weights to train: the projector's, and those of the language model or an adapter."""
    language_model: Any = model.language_model
    language_model.requires_grad_(params.tune == "full")
    if params.tune == "lora":
        add_adapter(model, params.lora, LORA_MODULES)
    model.projector.requires_grad_(True)
    if params.gradient_checkpointing:
        language_model.activation_checkpointing_enable()
    model.train()
