"""How a model is tuned: what every family understands. ``<family>.train`` has the rest."""

from typing import Literal, Self

from pydantic import Field, model_validator

from asr.core.schema import Schema


class LoraParams(Schema):
    """Adapter, used where ``tune`` is ``lora``."""

    rank: int = Field(ge=1, le=512)
    alpha: int = Field(ge=1, le=1024)
    dropout: float = Field(ge=0, lt=1)


class JoinParams(Schema):
    """The share of clips that are joined into one."""

    share: float = Field(ge=0, le=1)
    max_s: float = Field(gt=0, le=15)  # more text than that may not fit the decoder
    max_pause_s: float = Field(ge=0, le=5)


class SpeedChangeParams(Schema):
    """How much faster or slower than spoken a clip is played."""

    most: float = Field(ge=0, le=0.5)


class SpecAugmentParams(Schema):
    """Stripes of the spectrogram that are hidden while training; none where the numbers are 0."""

    num_time_masks: int = Field(ge=0, le=20)
    max_time_share: float = Field(ge=0, le=1)
    num_mel_masks: int = Field(ge=0, le=20)
    max_mel_bins: int = Field(ge=0, le=80)


class NoiseParams(Schema):
    """Noise under some clips, ``folder``'s or synthetic."""

    share: float = Field(ge=0, le=1)
    min_snr_db: float = Field(ge=-20, le=60)
    max_snr_db: float = Field(ge=-20, le=60)
    folder: str = Field(min_length=1)


class PitchParams(Schema):
    """Some clips higher or lower, as long as before."""

    share: float = Field(ge=0, le=1)
    most_semitones: float = Field(ge=0, le=12)


class ReverbParams(Schema):
    """Some clips as a room answers them."""

    share: float = Field(ge=0, le=1)
    min_t60_s: float = Field(ge=0.05, le=5)
    max_t60_s: float = Field(ge=0.05, le=5)
    min_direct_db: float = Field(ge=-20, le=40)
    max_direct_db: float = Field(ge=-20, le=40)


class AugmentParams(Schema):
    """What is done to the sound of some clips."""

    noise: NoiseParams
    pitch: PitchParams
    reverb: ReverbParams

    @model_validator(mode="after")
    def _lowest_is_first(self) -> Self:
        for low, high, name in (
            (self.noise.min_snr_db, self.noise.max_snr_db, "noise: min_snr_db"),
            (self.reverb.min_t60_s, self.reverb.max_t60_s, "reverb: min_t60_s"),
            (self.reverb.min_direct_db, self.reverb.max_direct_db, "reverb: min_direct_db"),
        ):
            if low > high:
                raise ValueError(f"expected {name} of at most {high}, its max, got {low}")
        return self


class TextParams(Schema):
    """What of a transcript the model learns to write."""

    punctuation: Literal["keep", "fold", "drop"]
    hebrew_points: Literal["keep", "drop"]
    script: Literal["as_is", "latin", "cyrillic"]


class TrainParams(Schema):
    """Section ``train``."""

    text: TextParams
    tune: Literal["full", "frozen_encoder", "lora"]
    lora: LoraParams
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
    join: JoinParams
    speed_change: SpeedChangeParams
    augment: AugmentParams
    spec_augment: SpecAugmentParams
    average_decay: float = Field(ge=0, lt=1)
    precision: Literal["fp32", "bf16", "fp16"]
    gradient_checkpointing: bool
    eval_every_steps: int = Field(ge=1)
    num_dev_utterances: int = Field(ge=1)
    log_every_steps: int = Field(ge=1)
    save_every_steps: int = Field(ge=1)
