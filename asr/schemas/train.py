"""How a model is tuned."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from asr.schemas import Schema


class Lora(Schema):
    """Adapter, used where ``tune`` is ``lora``."""

    rank: int = Field(ge=1, le=512)
    alpha: int = Field(ge=1, le=1024)
    dropout: float = Field(ge=0, lt=1)


class LongContext(Schema):
    """The share of clips whose context is longer than they need."""

    share: float = Field(ge=0, le=1)
    max_s: float = Field(gt=0, le=30)
    zeros_share: float = Field(ge=0, le=1)


class Join(Schema):
    """The share of clips that are heard one after another as one."""

    share: float = Field(ge=0, le=1)
    max_s: float = Field(gt=0, le=15)  # more text than that may not fit the decoder
    max_pause_s: float = Field(ge=0, le=5)


class SpeedChange(Schema):
    """How much faster or slower than spoken a clip is heard."""

    most: float = Field(ge=0, le=0.5)


class SpecAugment(Schema):
    """Stripes of the spectrogram that are hidden while training; none where the numbers are 0."""

    num_time_masks: int = Field(ge=0, le=20)
    max_time_share: float = Field(ge=0, le=1)
    num_mel_masks: int = Field(ge=0, le=20)
    max_mel_bins: int = Field(ge=0, le=80)


# A context that is drawn anew is another output too.
CHANGES_WHAT_IS_HEARD = (
    ("long_context", "share"),
    ("join", "share"),
    ("speed_change", "most"),
    ("spec_augment", "num_time_masks"),
    ("spec_augment", "num_mel_masks"),
)


class Params(Schema):
    """Section ``train``."""

    tune: Literal["full", "frozen_encoder", "lora"]
    lora: Lora
    freeze_embedding: bool
    lr: float = Field(gt=0, le=1)
    warmup_steps: int = Field(ge=0)
    schedule: Literal["linear", "cosine", "constant"]
    weight_decay: float = Field(ge=0, le=1)
    betas: tuple[float, float] = Field(strict=False)  # YAML has lists alone
    max_grad_norm: float = Field(gt=0)
    num_epochs: int = Field(ge=1)
    max_steps: int = Field(ge=0)
    batch_seconds: float = Field(gt=0)
    max_batch_clips: int = Field(ge=1)
    accumulation: int = Field(ge=1)
    margin_s: float = Field(ge=0, le=30)
    long_context: LongContext
    join: Join
    speed_change: SpeedChange
    spec_augment: SpecAugment
    cache_encoder: bool
    token_dropout: float = Field(ge=0, lt=1)
    subword_dropout: float = Field(ge=0, lt=1)
    average_decay: float = Field(ge=0, lt=1)
    precision: Literal["fp32", "bf16", "fp16"]
    gradient_checkpointing: bool
    eval_every_steps: int = Field(ge=1)
    num_dev_utterances: int = Field(ge=1)
    log_every_steps: int = Field(ge=1)
    save_every_steps: int = Field(ge=1)

    @field_validator("cache_encoder")
    @classmethod
    def _hears_the_same_each_time(cls, cached: bool, info: ValidationInfo) -> bool:
        """Refuse what changes the encoder or what it hears; what failed its own check is absent."""
        if not cached:
            return cached
        wanted = [] if info.data.get("tune") == "frozen_encoder" else ["train.tune frozen_encoder"]
        for section, key in CHANGES_WHAT_IS_HEARD:
            if section in info.data and getattr(info.data[section], key) != 0:
                wanted.append(f"train.{section}.{key} 0")
        if wanted:
            raise ValueError(f"the encoder's outputs stay the same only with {', '.join(wanted)}")
        return cached
