"""Section ``train``: params for every family. ``<family>.train`` has those of one family."""

from collections.abc import Sequence
from functools import reduce
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from asr.core.schema import Schema
from asr.training.groups import is_in
from asr.training.replay import ReplayParams


class LoraParams(Schema):
    """Section ``train.lora``; used if ``tune`` is ``lora``."""

    rank: int = Field(ge=1, le=512)
    alpha: int = Field(ge=1, le=1024)
    dropout: float = Field(ge=0, lt=1)


class JoinParams(Schema):
    """Section ``train.join``: clips that are joined into one example."""

    share: float = Field(ge=0, le=1)
    max_s: float = Field(gt=0, le=15)  # more text may exceed the decoder's positions
    max_pause_s: float = Field(ge=0, le=5)


class SpeedChangeParams(Schema):
    """Section ``train.speed_change``: largest relative change of a clip's speed."""

    most: float = Field(ge=0, le=0.5)


class SpecAugmentParams(Schema):
    """Section ``train.spec_augment``: masks on the log-mel; a count of 0 turns a kind off."""

    num_time_masks: int = Field(ge=0, le=20)
    max_time_share: float = Field(ge=0, le=1)
    num_mel_masks: int = Field(ge=0, le=20)
    max_mel_bins: int = Field(ge=0, le=80)


class NoiseParams(Schema):
    """Noise mixed into a share of the clips: recordings in ``folder``, or synthetic."""

    share: float = Field(ge=0, le=1)
    min_snr_db: float = Field(ge=-20, le=60)
    max_snr_db: float = Field(ge=-20, le=60)
    folder: str = Field(min_length=1)


class PitchParams(Schema):
    """Pitch shift of a share of the clips; durations stay."""

    share: float = Field(ge=0, le=1)
    most_semitones: float = Field(ge=0, le=12)


class ReverbParams(Schema):
    """Reverberation of a share of the clips."""

    share: float = Field(ge=0, le=1)
    min_t60_s: float = Field(ge=0.05, le=5)
    max_t60_s: float = Field(ge=0.05, le=5)
    min_direct_db: float = Field(ge=-20, le=40)
    max_direct_db: float = Field(ge=-20, le=40)


class AugmentParams(Schema):
    """Section ``train.augment``: augmentation of waveforms."""

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
                raise ValueError(f"expected {name} of at most its maximum {high}, got {low}")
        return self


class TextParams(Schema):
    """Section ``train.text``: changes of transcripts before training."""

    punctuation: Literal["keep", "fold", "drop"]
    hebrew_points: Literal["keep", "drop"]
    script: Literal["as_is", "latin", "cyrillic"]


class PhaseParams(Schema):
    """An entry of ``train.phases``: from when on which groups of weights learn.

    Attributes:
        from_epoch: the epoch with which it starts, counted from 0; this or ``from_step``.
        from_step: the step with which it starts, counted from 0.
        groups: the groups that learn; all others don't.
        lr: peak learning rate by group, for those that do not take ``train.lr``.
        warmup_steps: steps over which all rates rise from 0 after the start.
    """

    from_epoch: int | None = Field(None, ge=0)
    from_step: int | None = Field(None, ge=0)
    groups: list[str] = Field(min_length=1)
    lr: dict[str, Annotated[float, Field(gt=0, le=1)]] = Field({})
    warmup_steps: int = Field(0, ge=0)

    @property
    def start(self) -> tuple[str, int]:
        """The key of its start, and the value."""
        if self.from_step is not None:
            return "from_step", self.from_step
        return "from_epoch", self.from_epoch or 0

    @model_validator(mode="after")
    def _one_start_and_rates_of_its_groups(self) -> Self:
        starts = [name for name in ("from_epoch", "from_step") if getattr(self, name) is not None]
        if len(starts) != 1:
            raise ValueError(
                "expected either from_epoch or from_step, got " + (" and ".join(starts) or "none")
            )
        if others := [name for name in self.lr if not any(is_in(name, g) for g in self.groups)]:
            raise ValueError(
                f"expected lr only for groups that learn in this phase, {self.groups}, got {others}"
            )
        return self


class TrainParams(Schema):
    """Section ``train``."""

    text: TextParams
    tune: Literal["full", "frozen_encoder", "lora", "projector"]
    lora: LoraParams
    phases: list[PhaseParams]
    lr: float = Field(gt=0, le=1)
    warmup_steps: int = Field(ge=0)
    schedule: Literal["linear", "cosine", "constant"]
    weight_decay: float = Field(ge=0, le=1)
    betas: tuple[float, float] = Field(strict=False)  # YAML has no tuples
    max_grad_norm: float = Field(gt=0)
    max_skipped_steps: int = Field(ge=1)
    num_epochs: int = Field(ge=1)
    min_hours: float = Field(ge=0)
    max_steps: int = Field(ge=0)
    batch_seconds: float = Field(gt=0)
    max_batch_clips: int = Field(ge=1)
    accumulation: int = Field(ge=1)
    step_clips: int = Field(ge=0)
    replay: ReplayParams
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

    @model_validator(mode="after")
    def _one_size_of_step(self) -> Self:
        if self.step_clips and self.accumulation > 1:
            raise ValueError(
                f"expected accumulation 1 with step_clips {self.step_clips}, got "
                f"{self.accumulation}: step_clips sums as many batches as hold so many clips"
            )
        return self

    @model_validator(mode="after")
    def _phases_follow_each_other(self) -> Self:
        # With min_hours only the plan of the run knows the number of epochs, and checks it then.
        limits = {"from_epoch": ("num_epochs", 0 if self.min_hours else self.num_epochs),
                  "from_step": ("max_steps", self.max_steps)}  # fmt: skip
        earliest = {"from_epoch": 0, "from_step": 0}
        for number, phase in enumerate(self.phases):
            key, start = phase.start
            limit, end = limits[key]
            if number == 0 and (start or phase.warmup_steps):
                raise ValueError(
                    "expected phases.0 from epoch or step 0, and train.warmup_steps for a warm-up, "
                    f"got {key} {start}, warmup_steps {phase.warmup_steps}"
                )
            if start < earliest[key]:
                raise ValueError(
                    f"expected phases.{number} to start after the phases before it, {key} "
                    f"{earliest[key]} or later, got {start}"
                )
            if end and start >= end:
                raise ValueError(
                    f"expected phases.{number}.{key} below {limit} {end}, got {start}: the phase "
                    "would never start"
                )
            earliest[key] = start + 1
        return self

    def faults_of_groups(self, groups: Sequence[str]) -> list[str]:
        """Groups in ``phases`` that are not among those that may learn, as ``key: expected``."""
        return [
            f"train.phases.{number}.groups: expected groups that learn with train.tune "
            f"{self.tune}, {sorted({*groups, *(g.split('.')[0] for g in groups)})}, got {name!r}"
            for number, phase in enumerate(self.phases)
            for name in phase.groups
            if not any(is_in(group, name) for group in groups)
        ]


# Params that change the audio, and so an encoder's output, from one epoch to the next.
CHANGES_AUDIO = (
    ("join", "share"),
    ("speed_change", "most"),
    ("augment", "noise", "share"),
    ("augment", "pitch", "share"),
    ("augment", "reverb", "share"),
    ("spec_augment", "num_time_masks"),
    ("spec_augment", "num_mel_masks"),
)


def changes_of_audio(train: TrainParams) -> list[str]:
    """Params that change a clip between epochs, such as ``train.join.share 0``: 0 is wanted."""
    return [f"train.{'.'.join(keys)} 0" for keys in CHANGES_AUDIO if _value(train, keys) != 0]


def _value(train: TrainParams, keys: tuple[str, ...]) -> Any:
    value: Any = reduce(getattr, keys, train)
    return value
